#!/usr/bin/env bash
# Runs the paper's ablations and a small Retinex network on LOL pairs at an equal budget, and evaluates all of them on test pairs.
# Usage: benchmarks/ablations.sh LOL GOOD_PHOTOS LOW_LIGHT_PHOTOS VGG16_WEIGHTS [OUT]
# Budget, by variables: EPOCHS of 96 steps for stage 1 (6), EPOCHS_2 for the discriminators and stage 2 (2), CROP (96), SEEDS of the
# four variants that matter most (0,1,2). With the defaults: about two hours on one CPU core that computes in bfloat16 (others:
# PRECISION=32-true). MORE='hydra/launcher=parallel' runs jobs side by side. A run that was cut off goes on where it stopped.
#
# Training sees the 383 LOL-v1 pairs numbered below 690, so eval15 and v2-real-89 are unseen. 40 % of the low-light photos are held out.
set -euo pipefail
if [ $# -lt 4 ]; then
  sed -n '2,6s/^# //p' "$0" >&2
  exit 2
fi
lol=$1 good=$2 dark=$3 vgg=$4 out=${5:-outputs/ablation}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python)}
runs=$out/ablation

sweep() { # overrides; each job goes to OUT/ablation/VARIANT/SEED
  "$python" -m drbn_lightning.train --multirun "hydra.sweep.dir=\"$out\"" \
    'hydra.sweep.subdir=${hydra:runtime.choices.experiment}/${seed}' resume=auto data=v2_real_89 "data.root=\"$lol\"" data.num_workers=1 \
    "data.crop_size=${CROP:-96}" unpaired=folders "unpaired.high=\"$good\"" "unpaired.low=\"$dark\"" "unpaired.real_low=\"$dark\"" \
    unpaired.real_low_validation_share=0.1 unpaired.real_low_test_share=0.4 unpaired.parts=2 unpaired.length=384 \
    unpaired.num_workers=1 "trainer.precision=${PRECISION:-bf16-mixed}" callbacks.ema=null "$@" ${MORE:-} # too short for averages
}

stage_1=("trainer.max_epochs=${EPOCHS:-6}" trainer.check_val_every_n_epoch=3)
stage_2=("trainer.max_epochs=${EPOCHS_2:-2}" "uses.band=\"$runs/whole/0/band.pt\"")
vgg16=(perceptual=vgg16 "perceptual.weights=\"$vgg\"" stage.loss.perceptual_weight=0.2)
weights=(stage.loss.quality_weight=0.3)

sweep experiment=ablation/single_scale,ablation/multi_scale,ablation/whole,ablation/retinex "seed=${SEEDS:-0,1,2}" "${stage_1[@]}"
sweep experiment=ablation/no_feature_residual,ablation/no_recursive_input seed=0 "${stage_1[@]}"
sweep stage=quality experiment=ablation/high_mos,ablation/targets seed=0 "${stage_2[@]}"
sweep stage=quality experiment=ablation/high_mos seed=1 unpaired.part=1 "${stage_2[@]}" # the quality model, of other photos
high_mos=("uses.quality=\"$runs/high_mos/0/quality.pt\"" "${stage_2[@]}")
sweep stage=recompose experiment=ablation/recomposition,ablation/frozen_adversary seed=0 "${high_mos[@]}" "${vgg16[@]}" "${weights[@]}"
sweep stage=recompose experiment=ablation/no_perceptual seed=0 "${high_mos[@]}" "${weights[@]}"
sweep stage=recompose experiment=ablation/no_quality seed=0 "${stage_2[@]}" "${vgg16[@]}"
sweep stage=recompose experiment=ablation/quality_on_targets seed=0 "${stage_2[@]}" "${vgg16[@]}" "${weights[@]}" \
  "uses.quality=\"$runs/targets/0/quality.pt\""

checkpoints() { # FILE VARIANT...: every seed of the variants, as evaluate takes them
  local file=$1 found=() variant folder
  shift
  for variant in "$@"; do
    for folder in "$runs/$variant"/*/; do found+=("${variant}_$(basename "$folder"): \"$folder$file\""); done
  done
  local IFS=,
  echo "{${found[*]}}"
}

evaluate() { # name, checkpoints, then overrides
  [ -e "$out/scored_$1/scores.csv" ] || "$python" -m drbn_lightning.evaluate "checkpoint=$2" "root=\"$lol\"" 'baselines=[input]' \
    'metrics=[psnr,ssim,gt_mean]' "hydra.run.dir=\"$out/scored_$1\"" "${@:3}"
}

evaluate stage_1 "$(checkpoints band.pt single_scale multi_scale whole retinex)" "test_sets=[${TESTS:-lol_v1,v2_real_89}]" images=0 report_images=0
evaluate recursion "$(checkpoints band.pt no_feature_residual no_recursive_input)" test_sets=lol_v1 images=0 report_images=0
evaluate stage_2 "$(checkpoints recompose.pt recomposition no_perceptual no_quality frozen_adversary quality_on_targets)" \
  test_sets=lol_v1 "quality_model=\"$runs/high_mos/1/quality.pt\"" unpaired=folders "unpaired.high=\"$good\"" "unpaired.low=\"$dark\"" "unpaired.real_low=\"$dark\"" \
  unpaired.real_low_validation_share=0.1 unpaired.real_low_test_share=0.4
"$python" -m drbn_lightning.summarize "$out" --by experiment seed
"$python" "$(dirname "$0")/ablation_table.py" "$out"
