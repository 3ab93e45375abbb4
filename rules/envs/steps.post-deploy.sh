# Runs in the workflow's folder, inside the new environment.
python -m pip install --quiet -r requirements.txt
