"""A selection of the cases of the package onnx, one or a few of each kind of operator, values and derivatives, of
some also written again and run by others; tests/support/onnx_cases.py runs all of them."""

import numpy as np
import pytest
from onnx_cases import node_cases, run

KINDS = """
    add_bcast div_example mod_mixed_sign_int32 mod_mixed_sign_float32 pow_types_int32_float32 clip celu
    hardsigmoid prelu_broadcast argmax_keepdims_example_select_last_index cumsum_1d_exclusive
    reduce_l2_keep_dims_random reduce_max_empty_set top_k softmax_axis_0 averagepool_2d_ceil
    averagepool_2d_same_lower averagepool_3d_dilations_small maxpool_2d_dilations
    maxpool_with_argmax_2d_precomputed_pads lppool_2d_pads conv_with_strides_and_asymmetric_padding
    conv_with_autopad_same convtranspose_pads convtranspose_output_shape convtranspose_3d
    batchnorm_example_training_mode layer_normalization_2d_axis0 group_normalization_epsilon lrn
    instancenorm_example scatter_elements_with_reduction_max scatternd_multiply gather_elements_negative_indices
    gathernd_example_float32 onehot_negative_indices depthtospace_crd_mode_example reversesequence_batch
    edge_pad reflect_pad center_crop_pad_crop_and_pad col2im_strides resize_downsample_scales_cubic_antialias
    resize_upsample_sizes_nearest_ceil_half_pixel resize_tf_crop_and_resize
    resize_downsample_sizes_linear_pytorch_half_pixel gridsample_bicubic affine_grid_3d roialign_aligned_true
    deform_conv_with_mask_bias dft_axis stft_with_window hannwindow lstm_with_peepholes gru_seq_length
    gru_batchwise simple_rnn_batchwise attention_4d_causal attention_4d_diff_heads_mask4d_padded_kv
    attention_3d_gqa_softcap rotary_embedding_interleaved sce_NCd1d2d3_none_no_weight_negative_ii_log_prob if
    loop11 scan9_sum einsum_batch_matmul det_nd nllloss_NCd1d2_with_weight_reduction_sum_ii mvn
    bitshift_left_int32_shift_ge_width bitshift_right_int32_negative_shift
""".split()
# Those that are written again too, with their gradients, and run by others
AGAIN = """
    clip argmax_keepdims_example_select_last_index cumsum_1d_exclusive top_k averagepool_2d_ceil
    conv_with_strides_and_asymmetric_padding batchnorm_example_training_mode lstm_with_peepholes gru_seq_length
    scatter_elements_with_reduction_max resize_downsample_sizes_linear_pytorch_half_pixel mvn if
    bitshift_left_int32_shift_ge_width bitshift_right_int32_negative_shift einsum_batch_matmul
""".split()
CASES = [*node_cases(rf"^test_({'|'.join(KINDS)})$")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_gives_its_values_and_derivatives(case):
    again = case.name.removeprefix("test_") in AGAIN
    with np.errstate(all="ignore"):
        assert run(case, again=again) is None


def test_the_package_has_nearly_all_of_the_selection():
    assert len(CASES) > 0.8 * len(KINDS)
