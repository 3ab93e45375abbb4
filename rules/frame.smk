# What every step has, so that no rule need say it. Comes after all rules.


def frame(each):
    """Give a rule what its name and its outputs tell, where it does not say otherwise itself.

    The code that its step is made of, as an input; its log and its benchmark, by the names of the
    step and of its wildcards, in the folder of the study; the environment; the resources of a small
    step; and a plot's group, the steps that are one job on a cluster.
    """
    step = each.name.removesuffix("_shard")
    paths = workflow.modifier.path_modifier
    each.input_modifier = each.log_modifier = each.benchmark_modifier = paths
    if f"scripts/{step}.py" in each.shellcmd:
        each.set_input(code=step_sources(step))
    if not each.log:
        results, study, *names = Path(strip_wildcard_constraints(each.output[0])).parts
        job = Path(step, *re.findall(r"{\w+}", str(names)))
        each.set_log(f"{results}/{study}/logs/{job}.log")
        each.benchmark = f"{results}/{study}/benchmarks/{job}.tsv"
    each.conda_env = "envs/steps.yaml"
    if not each.ruleinfo.resources:
        each.resources.update(SMALL_RESOURCES)
        each.resources.update(workflow.resource_settings.overwrite_resources.get(each.name, {}))
    if step.startswith("plot_"):
        each.group = "report"


for each in workflow.rules:
    if each.shellcmd:
        frame(each)
