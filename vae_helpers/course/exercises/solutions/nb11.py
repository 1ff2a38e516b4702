"""Solutions of the exercises in notebook 11; the notebook shows them folded."""


def merge(mu_1, var_1, mu_2, var_2):
    # Precisions add up, and weight the means
    var = 1 / (1 / var_1 + 1 / var_2)
    return var * (mu_1 / var_1 + mu_2 / var_2), var


def layered_log_weights(log_lik, z, p, q):
    log_w = log_lik
    for z_t, p_t, q_t in zip(z, p, q, strict=True):
        log_w = log_w + (p_t.log_prob(z_t) - q_t.log_prob(z_t)).sum(-1)
    return log_w


def step_back(z, x, a_s, a_t):
    # What x says about z_s, and what z_t says: z_t = r z_s + noise of variance v
    r = a_t / a_s
    v = (1 - a_t**2) - r**2 * (1 - a_s**2)
    return merge(a_s * x, 1 - a_s**2, z / r, v / r**2)


def residual_kl(delta, log_ratio, log_var_p):
    return 0.5 * (delta**2 / log_var_p.exp() + log_ratio.exp() - 1 - log_ratio).sum(-1)


SOLUTIONS = {"11.a": merge, "11.b": layered_log_weights, "11.c": step_back, "11.d": residual_kl}
