"""Running things: training (`gantoolkit run`), drawing (`gantoolkit generate`), and what both keep on disk.

    run            from a resolved config to a run folder with a record and a report
    train          the loop: draws, losses, backward, step, logs, checkpoints
    task           what can be trained; tasks/ holds one module for each
    schedule       how long and in what portions a run trains
    draw           randomness per sample, whatever the batches and processes
    distributed    one process or several
    checkpoint     states as safetensors and JSON, resumed exactly
    average        moving averages of weights
    interrupt      a stop on request, with a checkpoint
    memory         out of memory, answered with the setting to lower
    folder         what lies in a run folder beside checkpoints
    progress       what the screen shows
    tensorboard    scalars, by the hooks that plugins use

    objective      what training a bridge minimises
    trajectories   z_t, I^d_0 and features of a data set, read from a cache
    cache          what frozen networks say about a data set, on disk
    stream         the same, computed when it is asked for
    latents        the latents of a data set, in a file
    ahead          the next batch, read in a thread
    evaluate       scores, sheets and samples of a bridge on its validation split
    attention      where the U-Net looks for the words of a prompt

    dryrun         `--dry-run`: parameters, memory and cache, before anything is fetched
    plan           what such a dry run found, and how it is printed
    ledger         memory at its peak, counted tensor by tensor
    standins       generators and losses on the meta device

    sample         from a run, an exported bridge or a preset to a Pipeline
    generate       faces from a prompt with label maps or scribbles
    dataset        faces for every sample of a data set
    views          cameras for a finished latent
    hub            pipelines as folders of the Hub's form
    prepare        `gantoolkit data prepare` and `data check`
    collect        what recipes trained, moved into the zoo
"""
