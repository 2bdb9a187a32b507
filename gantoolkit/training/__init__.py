"""Training anything: the runner, the loop, batches, checkpoints, caches.

runner         from a resolved config to a run folder with a record and a report
loop           zero_grad, forward, backward, clip, step, log, save
task           what can be trained; gantoolkit/tasks holds the tasks
batch          which samples an iteration takes, and a random stream for each
schedule       how long and in what portions a run trains
loss_averages  means of losses between two lines of the log
checkpoint     states as safetensors and JSON, resumed exactly
ema            moving averages of weights
processes      several processes of one run, started and ended together
run_folder     what lies in a run folder beside checkpoints
run_lock       one process at a time in a run folder
environment    versions and hardware, for the record
oom            out of memory, answered with the setting to lower
signals        a stop on request, with a checkpoint
freeze         train some parts of a network only
tensor_cache   outputs of frozen networks for a data set, on disk
tensor_stream  the same, computed when it is asked for
prefetch       the next batch, read in a thread
tensorboard    scalars, by the hooks that plugins use
collect_zoo    exports of finished recipes, copied into the zoo
"""
