/* Steps on the unit sphere in the span of given unit vectors. */
#include <math.h>

#include "merge/method/angle.h"
#include "merge/method/sphere.h"

static const double smallest_norm = 1e-8, smallest_sine = 1e-6;

double clade_sphere_norm(size_t n, clade_cosines G, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            sum += x[i] * G[i][j] * x[j];
    return sqrt(fmax(0, sum));
}

bool clade_sphere_normalise(size_t n, clade_cosines G, double least, double *x)
{
    double norm = clade_sphere_norm(n, G, x);
    for (size_t i = 0; i < n && norm > least; i++)
        x[i] /= norm;
    return norm > least;
}

/* The tangent T at m = sum_i a_i u_i, as coefficients: sum_i f_i (u_i - (u_i . m) m), f_i = w_i theta_i / sin theta_i. */
static bool tangent(const clade_karcher *mean, clade_cosines G, const double *a, double *T)
{
    double along = 0; /* sum_i f_i (u_i . m): what is taken out so that T is orthogonal to m */
    for (size_t i = 0; i < mean->n; i++) {
        double c = 0;
        for (size_t j = 0; j < mean->n; j++)
            c += G[i][j] * a[j];
        c = fmax(-1, fmin(1, c));
        T[i] = 0;
        if (c < mean->opposite) {
            if (mean->w[i] != 0 && !mean->leave_out)
                return false;
            continue;
        }
        double theta = clade_acos(c), s = clade_sin(theta);
        T[i] = mean->w[i] * (s > smallest_sine ? theta / s : 1);
        along += T[i] * c;
    }
    for (size_t i = 0; i < mean->n; i++)
        T[i] -= along * a[i];
    return true;
}

bool clade_sphere_karcher(const clade_karcher *mean, clade_cosines G, double *a)
{
    double T[CLADE_MAX_PARENTS];
    for (size_t step = 0; step < mean->most_steps; step++) {
        if (!tangent(mean, G, a, T))
            return false;
        double size = clade_sphere_norm(mean->n, G, T);
        if (size < mean->tolerance)
            break;
        /* exp_m(T) = cos|T| m + sin|T| T / |T| */
        double cosine = clade_sin(size + clade_acos(0)), sine = clade_sin(size);
        for (size_t i = 0; i < mean->n; i++)
            a[i] = cosine * a[i] + sine / size * T[i];
        if (!clade_sphere_normalise(mean->n, G, smallest_norm, a))
            return false;
    }
    return true;
}
