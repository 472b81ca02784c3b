"""Disentangled representation learning: objectives, estimators, metrics, and their checks.

Modules import only from those above them in this list.

What flows

    progress       lines with rate and time left, on the terminal and never in a page
    types          Batch, Code, Loss, LogQ, Score: named tuples that pass through vmap
    arrays         what an argument may be that is an array, a count or an index
    sealed         JSON files that show when they were edited
    disks          folders that variables name, and what is said where nothing can be written
    locks          claims on files, which a killed process cannot leave behind

Theory, exact

    information    entropies, mutual information, total correlation of discrete joint tables
    interventions  the law of factors of which one is set by hand, and the weights that undo it
    gaussian       the same in closed form for Gaussians; densities, divergences, correlated noise
    joint_laws     an image and the axes of its code, read by expectations of ratios of laws

Pure pieces

    data           FactorData, one module a data set, and the renderer that draws the twins
    nets           encoders, decoders and critics, as the papers' tables print them
    estimators     q(z) from a minibatch, over the whole set, by a density ratio; parts of the KL
    objectives     pure functions to a Loss; OBJECTIVES, the registry of recipes
    metrics        one module a score; METRICS; they never see a network

Training many seeds

    runs           what is declared of a training run, and the id that follows from it
    hardware       which device, precision and memory
    store          rows, weights and checkpoints on disk, atomic
    provenance     the code, torch and device that numbers come from
    graphs         a step as a program, captured as a CUDA graph where there is a GPU
    streams        the random inputs of a seed, from a generator of its own
    stacks         many seeds side by side: parameters, buffers, optimisers
    side_by_side   the same models as stacks of one in one program, where that is faster
    costs          operations and memory of a step, by playing it without values
    fitted         trained models: how they encode and decode, and one as a flat dict
    training       fit(run, seeds): stacks that fit the hardware, milestones, checkpoints
    learning       whether a run learned anything, and whether its training had ended
    scoring        a fitted model to the numbers of its row
    experiments    declarations: what varies, on what, judged how, for which figure; profiles
    models         trained models on disk: all of a sweep's, and the few that are committed
    deadlines      what fits into the time that is left
    loading        the images of runs, loaded once a process
    medians        the few models that are committed
    checkpoints    where the seeds of a run stood, on disk
    workers        the stacks of a setting: claim, train, score, write their rows
    rescoring      scores of kept models, taken anew
    plans          what is left of a sweep, and what it costs
    lifeline       processes that end with the one that started them
    archives       a sweep's files in a tar with digests, read with care
    packing        rows and models of a sweep as one archive, and back
    cluster        the stacks of a sweep as tasks of a dask cluster
    arguments      what the sweeps' command is asked for
    sweeps         rows(...) reads, complete(...) trains what is missing, rescore(...) scores

Evidence

    tables         rows to tables, a line a run and step
    comparisons    effects over seeds: intervals, and tests that hold at few seeds
    verdicts       what a claim declares, and what its comparison decides
    badges         what a chapter found about a statement, as one line of HTML
    records        what chapters found, one file a chapter
    claims         statements and claims, their checks and verdicts, the ledger
    evidence       a chapter's claims on its rows, and on those of larger profiles

Pages

    figures        their look, single models, many seeds, sliders, and a module a chapter
    baselines      scores without learning, and numbers that others published
    chapter        the first line of every chapter
    __main__       lists what there is
"""
