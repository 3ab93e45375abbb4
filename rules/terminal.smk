# What a run says to whoever began it. Comes after all rules.


def list_targets(only_targets=False):
    """In the place of Snakemake's list, which has every rule without wildcards alike."""
    rules = sorted(workflow.rules, key=lambda each: each.name != "all")
    told = {each.name: each.docstring for each in rules if each.docstring}
    steps = [each.name for each in workflow.rules if each.name not in told]
    if only_targets:
        steps = [name for name in steps if not workflow.get_rule(name).has_wildcards()]
    print(*target_lines(told, steps), sep="\n")


workflow.list_rules = list_targets


def is_made(target):
    """Whether a rule of that name is there, or one that makes such a file, or the file itself."""
    return (
        workflow.is_rule(target)
        or any(each.is_producer(target) for each in workflow.rules)
        or Path(target).exists()
    )


def files_made():
    """Every file that the study makes, of all its edits."""
    patterns = [str(path) for each in workflow.rules for path in each.products()]
    plain = [strip_wildcard_constraints(pattern) for pattern in patterns]
    return [path.replace("{edit}", edit) for path in plain for edit in EDITS]


# The command line of whoever began the run; a job on a cluster has another.
command = parsed(sys.argv[1:]) if workflow.is_main_process else None

if command:
    with one_sentence():
        check_targets(
            [each for each in command.targets if not is_made(each)],
            [each.name for each in workflow.rules if each.docstring],
            files_made(),
        )


def wants_report():
    """Whether the report is among what was asked for."""
    return any(f"{RESULTS}/report.html" in job.output for job in workflow.dag.jobs)


def say_closing():
    """What the study found, and where it is, once its report is there."""
    if IS_RUN and wants_report():
        try:
            print(*closing_lines(Path(RESULTS), presets), sep="\n", flush=True)
        except UserError as error:
            logger.error(str(error))


# The whole run on one line, in the place of what Snakemake says of every job, where the profile asks
# for quiet and the jobs are this machine's. A dry run, and a run on a cluster, say it all.
IS_RUN = bool(command) and not (command.dryrun or command.touch)
OWN_LINE = IS_RUN and Quietness.RULES in (workflow.output_settings.quiet or ())
progress = []
logger.addHandler(FullDisk())

if OWN_LINE:
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":  # the file of the run's log has all
            handler.addFilter(OwnWords(say_closing))


def begin_progress():
    if OWN_LINE:
        progress.append(
            Progress(steps_of(workflow.dag, config["study"]), workflow.cores, sys.stderr)
        )
        progress[0].begin()


def end_progress():
    for each in progress:
        each.end()
