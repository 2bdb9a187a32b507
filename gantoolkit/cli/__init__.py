"""The command line: verbs, their arguments, and the verbs that only read names.

main          one command, from its words to an exit code
verbs         the parser of all verbs, with the commands of plugins
options       numbers within bounds, devices; a mistake is one sentence

run           arguments of `run` and `report`, and what `run` does
generate      arguments of `generate` and `demo`
names         arguments of `list`, `show`, `examples`, `doctor`, `new` and `plugin`
bench         arguments of `bench` and `compare`
figures       arguments of `figure`
weights       arguments of `weights`
data          arguments of `data`
examples      two examples of every verb, for its help

list_show     what `list` and `show` do
example_faces  what `examples` does
doctor        what `doctor` does
cache         `cache`: arguments, and what it does
new_plugin    what `new plugin` does
prepare_data  what `data prepare` and `data check` do
"""
