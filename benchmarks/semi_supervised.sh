#!/usr/bin/env bash
# The whole of the semi-supervised training on real photos, and what an independent judge says of it: about an hour on one
# CPU core.
# Usage: benchmarks/semi_supervised.sh LOL GOOD_PHOTOS LOW_LIGHT_PHOTOS VGG16_WEIGHTS [OUT]
# A run that was cut off goes on where it stopped: stages that have published their network are not trained again.
#
# Who sees what: both discriminators' photos come from disjoint halves (unpaired.part), and 40 % of the low-light photos
# are held out from every training; stage 2 is judged on those, by the discriminator that it was not trained against.
set -euo pipefail
if [ $# -lt 4 ]; then
  sed -n '2,5s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 good=$2 dark=$3 vgg=$4 out=${5:-outputs/semi_supervised}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
common=(data=lol_v1 "data.root=$lol" data.num_workers=0 unpaired=folder "unpaired.high=$good" "unpaired.low=$dark"
  "unpaired.real_low=$dark" unpaired.num_workers=0 unpaired.real_low_test_share=0.4
  unpaired.real_low_validation_share=0.1)

train() { # name, then overrides
  local name=$1
  shift
  [ -e "$out/$name/published" ] && return
  local again=()
  [ -e "$out/$name/checkpoints/last.ckpt" ] && again=("resume=$out/$name")
  "$python" -m drbn_lightning.train "${common[@]}" "paths.artifacts=$out/artifacts" "hydra.run.dir=$out/$name" "$@" \
    "${again[@]}"
  touch "$out/$name/published"
}

train band stage=band trainer.max_epochs=16 trainer.check_val_every_n_epoch=2
train judge stage=quality seed=1 unpaired.parts=2 unpaired.part=1 trainer.max_epochs=4
mkdir -p "$out/judge_artifacts" && cp "$out/judge/quality.pt" "$out/judge_artifacts/"
train quality stage=quality unpaired.parts=2 unpaired.part=0 trainer.max_epochs=4
train recompose stage=recompose unpaired.parts=2 unpaired.part=0 trainer.max_epochs=2 perceptual=vgg16 \
  "perceptual.weights=$vgg" stage.loss.perceptual_weight=0.2 stage.loss.quality_weight=0.3
"$python" -m drbn_lightning.evaluate "${common[@]}" "checkpoint=$out/artifacts/recompose.pt" \
  "judge=$out/judge_artifacts/quality.pt" pictures=15 "hydra.run.dir=$out/evaluation"
