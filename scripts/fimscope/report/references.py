"""BibTeX of what the report cites, each entry under the mark by which a text cites it."""

ENTRIES = {
    "cluster bootstrap": """\
@misc{miller2024evals,
  title = {Adding Error Bars to Evals: A Statistical Approach to Language Model Evaluations},
  author = {Miller, Evan},
  year = {2024}, eprint = {2411.00640}, archivePrefix = {arXiv}
}
""",
    "2404.01903": """\
@misc{lucchetti2024codetrace,
  title = {Understanding How {CodeLLMs} (Mis)Predict Types with Activation Steering},
  author = {Lucchetti, Francesca and Guha, Arjun},
  year = {2024}, eprint = {2404.01903}, archivePrefix = {arXiv}
}
""",
    "1902.10186": """\
@misc{jain2019attention,
  title = {Attention is not Explanation},
  author = {Jain, Sarthak and Wallace, Byron C.},
  year = {2019}, eprint = {1902.10186}, archivePrefix = {arXiv}
}
""",
    "2107.03374": """\
@misc{chen2021evaluating,
  title = {Evaluating Large Language Models Trained on Code},
  author = {Chen, Mark and others},
  year = {2021}, eprint = {2107.03374}, archivePrefix = {arXiv}
}
""",
    "1904.09751": """\
@misc{holtzman2019nucleus,
  title = {The Curious Case of Neural Text Degeneration},
  author = {Holtzman, Ari and Buys, Jan and Du, Li and Forbes, Maxwell and Choi, Yejin},
  year = {2019}, eprint = {1904.09751}, archivePrefix = {arXiv}
}
""",
    "2404.15255": """\
@misc{heimersheim2024patching,
  title = {How to use and interpret activation patching},
  author = {Heimersheim, Stefan and Nanda, Neel},
  year = {2024}, eprint = {2404.15255}, archivePrefix = {arXiv}
}
""",
    "2309.16042": """\
@misc{zhang2023patching,
  title = {Towards Best Practices of Activation Patching in Language Models: Metrics and Methods},
  author = {Zhang, Fred and Nanda, Neel},
  year = {2023}, eprint = {2309.16042}, archivePrefix = {arXiv}
}
""",
    "2308.10248": """\
@misc{turner2023addition,
  title = {Steering Language Models With Activation Engineering},
  author = {Turner, Alexander Matt and Thiergart, Lisa and Leech, Gavin and others},
  year = {2023}, eprint = {2308.10248}, archivePrefix = {arXiv}
}
""",
    "2310.06824": """\
@misc{marks2023geometry,
  title = {The Geometry of Truth: Emergent Linear Structure in Large Language Model
           Representations of True/False Datasets},
  author = {Marks, Samuel and Tegmark, Max},
  year = {2023}, eprint = {2310.06824}, archivePrefix = {arXiv}
}
""",
    "1909.03368": """\
@misc{hewitt2019control,
  title = {Designing and Interpreting Probes with Control Tasks},
  author = {Hewitt, John and Liang, Percy},
  year = {2019}, eprint = {1909.03368}, archivePrefix = {arXiv}
}
""",
    "2005.14165": """\
@misc{brown2020fewshot,
  title = {Language Models are Few-Shot Learners},
  author = {Brown, Tom B. and others},
  year = {2020}, eprint = {2005.14165}, archivePrefix = {arXiv}
}
""",
    "2202.12837": """\
@misc{min2022demonstrations,
  title = {Rethinking the Role of Demonstrations: What Makes In-Context Learning Work?},
  author = {Min, Sewon and Lyu, Xinxi and Holtzman, Ari and others},
  year = {2022}, eprint = {2202.12837}, archivePrefix = {arXiv}
}
""",
    "2304.14767": """\
@misc{geva2023dissecting,
  title = {Dissecting Recall of Factual Associations in Auto-Regressive Language Models},
  author = {Geva, Mor and Bastings, Jasmijn and Filippova, Katja and Globerson, Amir},
  year = {2023}, eprint = {2304.14767}, archivePrefix = {arXiv}
}
""",
    "nostalgebraist": """\
@misc{nostalgebraist2020lens,
  title = {interpreting {GPT}: the logit lens},
  author = {nostalgebraist},
  year = {2020}, url = {https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru}
}
""",
    "Holm": """\
@article{holm1979procedure,
  title = {A Simple Sequentially Rejective Multiple Test Procedure},
  author = {Holm, Sture},
  journal = {Scandinavian Journal of Statistics}, volume = {6}, pages = {65--70}, year = {1979}
}
""",
}


def cited_entries(text: str) -> str:
    """The entries whose mark stands in a text: an arXiv number, the name of a method or author."""
    return "".join(entry for mark, entry in ENTRIES.items() if mark in text)
