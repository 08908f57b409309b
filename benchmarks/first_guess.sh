#!/usr/bin/env bash
# What the learned first guess adds by itself: three seeds with and without, in equal time, all of them on LOL's 399 clean pairs.
# Usage: benchmarks/first_guess.sh LOL OTHER_LOW OTHER_NORMAL [OUT]
# OTHER_LOW and OTHER_NORMAL are folders of pairs of another camera. NETWORK (drbn_small), SEEDS ("0 1 2"), STEPS with (2000) and
# STEPS_WITHOUT (2350: what the teaching of the guess takes, measured, is given to the network instead) change what they say. A run
# that was cut off goes on where it stopped.
set -euo pipefail
if [ $# -lt 3 ]; then
  sed -n '2,6s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 low=$2 normal=$3 out=${4:-outputs/first_guess}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}

train() { # name, steps, then overrides
  "$python" -m drbn_lightning.train stage=band "network=${NETWORK:-drbn_small}" data=v2_real_89 "data.root=\"$lol\"" data.crop_size=96 \
    data.num_workers=0 data.validation_crop=null trainer.max_epochs=-1 "trainer.max_steps=$2" trainer.check_val_every_n_epoch=10 \
    "hydra.run.dir=\"$out/$1\"" "paths.artifacts=\"$out/$1/artifacts\"" resume=auto "${@:3}"
}

checkpoints=()
for seed in ${SEEDS:-0 1 2}; do
  train "learned_$seed" "${STEPS:-2000}" "seed=$seed" network.first_guess=learned stage.guess_steps=1500
  train "mean_$seed" "${STEPS_WITHOUT:-2350}" "seed=$seed" network.first_guess=mean
  checkpoints+=("learned_$seed: \"$out/learned_$seed/band.pt\"" "mean_$seed: \"$out/mean_$seed/band.pt\"")
done
named=$(IFS=,; echo "{${checkpoints[*]}}")
metrics='metrics=[psnr,ssim,gt_mean,brightness_error]'
for set in lol_v1 v2_real_89; do
  "$python" -m drbn_lightning.evaluate "checkpoint=$named" "data=$set" "data.root=\"$lol\"" baselines=[] "$metrics" "hydra.run.dir=\"$out/scored_$set\""
done
"$python" -m drbn_lightning.evaluate "checkpoint=$named" data=folders "data.low=\"$low\"" "data.normal=\"$normal\"" baselines=[] "$metrics" \
  "hydra.run.dir=\"$out/scored_other\""
