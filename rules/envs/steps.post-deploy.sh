# Runs in the workflow's folder, inside the new environment.
python setup/install.py packages
