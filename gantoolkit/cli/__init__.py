"""The command line: verbs, their arguments, and the verbs that only read names.

main          verbs and exit codes
options       numbers within bounds, devices; a mistake is one sentence
list_show     `list` and `show`
doctor        `doctor`
new_plugin    `new plugin`
prepare_data  `data prepare` and `data check`
data, bench, figures  arguments of these verbs
"""
