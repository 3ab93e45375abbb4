# The cache of finished parts, looked at and cleared on request.


rule cache_report:
    """What the cache of finished parts holds, and for whom."""
    log:
        f"{RESULTS}/logs/cache_report.log",
    localrule: True
    params:
        cache=CACHE,
    shell:
        "python scripts/cache_report.py --cache {params.cache:q} --log {log:q}"


rule clear_cache:
    """An empty cache of finished parts."""
    log:
        f"{RESULTS}/logs/clear_cache.log",
    localrule: True
    params:
        cache=CACHE,
    shell:
        "rm -rf {params.cache:q} 2> {log:q}"
