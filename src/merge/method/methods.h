/* The descriptors of all methods, and what more than one of them uses. */
#ifndef CLADE_MERGE_METHODS_H
#define CLADE_MERGE_METHODS_H

#include "clade/method.h"

extern const clade_method clade_method_linear, clade_method_slerp, clade_method_task_arithmetic, clade_method_ties,
    clade_method_dare_linear, clade_method_dare_ties;
extern const clade_method clade_method_nuslerp, clade_method_multislerp, clade_method_karcher, clade_method_model_stock,
    clade_method_nearswap, clade_method_arcee_fusion, clade_method_passthrough, clade_method_fisher,
    clade_method_metagpt;
extern const clade_method clade_method_sce, clade_method_ram, clade_method_ramplus_tl, clade_method_magmax,
    clade_method_consensus_ta, clade_method_tall_mask, clade_method_emr, clade_method_pcb;
extern const clade_method clade_method_ties_global, clade_method_breadcrumbs, clade_method_breadcrumbs_ties,
    clade_method_della, clade_method_della_linear;
extern const clade_method clade_method_lora_cat, clade_method_lora_linear, clade_method_lora_hub, clade_method_lora_svd;
extern const clade_method clade_method_iso_c, clade_method_iso_cts, clade_method_tsv_m, clade_method_knots,
    clade_method_fourier, clade_method_wudi, clade_method_wudi_closed_form, clade_method_regmean;

/* Elements that one step of a combine() works on: rows of doubles that stay in the first cache. */
enum { CLADE_MERGE_BLOCK = 128 };

/* out[i] = sum over p of coefficients[p] * parents[p][i], in double, rounded once.
 * Laws: one parent with coefficient 1 gives its bits; equal parents whose coefficients sum to 1 give theirs. */
void clade_merge_weighted_sum(const clade_merge_tile *tile, const double *coefficients, float *out);
/* out[i] = base[i] + sum over p of coefficients[p] * (parents[p][i] - base[i]), in double, rounded once; the bits of the
 * base where that sum is 0. */
void clade_merge_weighted_deltas(const clade_merge_tile *tile, const double *coefficients, float *out);
/* The second with a base, else the first. */
void clade_merge_interpolate(const clade_merge_tile *tile, const double *coefficients, float *out);

/* SHARES[p] = the weights of the parents (parameter WEIGHT) divided by their sum. CLADE_EEVAL when they cancel:
 * |sum w| <= 1e-8 sum |w|. */
clade_status clade_merge_shares(const clade_merge_tile *tile, size_t weight, double *shares) CLADE_CHECK_RESULT;

/* The parent that the integer parameter PARAMETER (of scope recipe) names by its index. CLADE_ECONFIG when there is none
 * of that number. */
clade_status clade_merge_task(const clade_merge_tile *tile, size_t parameter, size_t *task) CLADE_CHECK_RESULT;

#endif
