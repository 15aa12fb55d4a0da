/* Where good values of a gene are, before anything is scored.
 *
 *   weight    mean c / n_parents with c = 1.2, deviation 0.8 of it. The best uniform scales known: 0.3 for the eight
 *             tasks of ViT-B/32 (Ilharco et al. 2022), 0.15 for the eight of vision8 (= 1.2 / 8), 0.4 to 0.6 for two
 *             or three; learned coefficients (AdaMerging, Yang et al. 2023) have a mean of 0.25, a deviation of 0.2
 *   depth     where a weight differs by site, the mean times 0.5 + depth, which is also the mean of a site's factor:
 *             learned coefficients rise from 0.75 of their mean in the first quarter of the depth to 1.2 in the last
 *             (B/32, B/16), and LiNeS (Wang et al. 2024) from 0 to 2
 *   strength  1 (lambda, the whole task vector as it was weighed)
 *   others    the parameter's default, a quarter of the range wide
 *
 * The experiment may say otherwise. */
#include <math.h>
#include <string.h>

#include "search/merge_parts.h"

static const double WEIGHT_SUM = 1.2, WEIGHT_DEVIATION = 0.8; /* of all parents; of the mean */
static const double DEPTH_START = 0.5, DEPTH_RISE = 1;
static const double FACTOR_DEVIATION = 0.4;
static const double OTHER_DEVIATION = 0.25; /* of the range, in unit scale */

/* MEAN and DEVIATION in natural units into the gene's unit scale. */
static void set_prior(clade_gene *gene, double mean, double deviation)
{
    const double low = clade_gene_to_unit(gene, mean - deviation), high = clade_gene_to_unit(gene, mean + deviation);
    gene->prior = clade_gene_to_unit(gene, mean);
    /* The larger side: the other one may be cut by a bound. */
    gene->spread = fmax(high - gene->prior, gene->prior - low);
}

static double depth_factor(const clade_merge_space *space, const clade_gene *gene)
{
    for (size_t s = 0; s < space->sites.n_sites && gene->site >= 0; s++)
        if (space->sites.list[s].rank == (size_t)gene->site)
            return DEPTH_START + DEPTH_RISE * space->sites.list[s].depth;
    return 1;
}

static void set_slot_prior(const clade_merge_space *space, const clade_slot *slot, clade_gene *gene)
{
    const double sum = space->sum > 0 ? space->sum : WEIGHT_SUM;
    const double mean = sum / (double)space->n_parents * depth_factor(space, gene);
    if (clade_is_weight(slot->parameter) && mean > slot->low) { /* else weights are something else here */
        set_prior(gene, mean, WEIGHT_DEVIATION * mean);
        return;
    }
    gene->prior = clade_gene_to_unit(gene, clade_slot_default(slot));
    gene->spread = OTHER_DEVIATION;
}

static const clade_prior_override *find_prior(const clade_prior_override *priors, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(priors[i].parameter, name) == 0)
            return &priors[i];
    return NULL;
}

void clade_merge_priors_init(clade_merge_space *space, const clade_prior_override *priors, size_t n_priors)
{
    for (size_t g = 0; g < space->genes.n_genes; g++) {
        clade_gene *gene = &space->genes.genes[g];
        if (gene->slot == 0 || gene->kind != CLADE_GENE_REAL)
            continue;
        const size_t s = (size_t)gene->slot - 1;
        const clade_slot *slot = s < space->n_slots ? &space->slots[s] : NULL;
        const clade_prior_override *given = find_prior(priors, n_priors, slot ? slot->name : "strength");
        if (given)
            set_prior(gene, given->mean, given->deviation);
        else if (slot)
            set_slot_prior(space, slot, gene);
        else
            set_prior(gene, depth_factor(space, gene), FACTOR_DEVIATION);
    }
}
