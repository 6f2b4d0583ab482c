"""The level of the Nile, found by a Kalman filter whose likelihood is differentiated as it stands.

    python packages/core/examples/kalman_filter.py [picture.png]

The flow at Aswan is measured once a year. What one sees is a level that wanders, and a year's weather on top of it:

    yₜ = αₜ + εₜ,      εₜ ~ N(0, σ²_ε)
    αₜ₊₁ = αₜ + ηₜ,    ηₜ ~ N(0, σ²_η)

The filter goes through the years and keeps what is known of the level before each: its mean aₜ and variance Pₜ. It is
a loop that writes into arrays, as one would write it in NumPy. Its prediction errors vₜ have variances Fₜ, and these
give the log-likelihood

    ℓ = −½ Σₜ (log 2πFₜ + vₜ² / Fₜ)

Its gradient by the two variances finds the best ones. Its gradient by the data finds the level in hindsight, from the
years before and after: y is normal with some covariance Σ, so ∂ℓ/∂y = −Σ⁻¹(y − Ey) and ∂²ℓ/∂y² = −Σ⁻¹, and

    E(α | y) = y + σ²_ε ∂ℓ/∂y,      Cov(α | y) = σ²_ε I + σ⁴_ε ∂²ℓ/∂y²

The backward pass through a Kalman filter is the Kalman smoother. Draws (with matplotlib, if there is one) the level
with ten years of forecast, and the way uphill on ℓ.

Cobb (1978), Biometrika 65, 243-251: the flows, in 10⁸ m³. Durbin & Koopman (2012), "Time Series Analysis by State Space
Methods", 2nd ed., ch. 2: the model, the filter and the estimates.
"""

import sys

import numpy as np

from pellucid import Tensor, grad, hessian, value_and_grad

nile = np.array([
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
], float)  # 1871 to 1970  # fmt: skip
N = len(nile)


def kalman_filter(log_variances, y):
    """Means and variances of the level before each year and after the last; prediction errors and their variances.

    Variances of shape (2, ...) are as many filters side by side.
    """
    var_eps, var_eta = np.exp(log_variances)
    a, P, v, F = (Tensor(np.zeros((N + 1, *var_eps.shape))) for _ in range(4))
    a[1], P[1] = y[0], var_eps + var_eta  # nothing is known before the first year: it sets the level
    for t in range(1, N):
        v[t] = y[t] - a[t]
        F[t] = P[t] + var_eps
        K = P[t] / F[t]  # how much of the surprise is news about the level
        a[t + 1] = a[t] + K * v[t]
        P[t + 1] = (1 - K) * P[t] + var_eta
    return a, P, v[1:N], F[1:N]


def log_likelihood(log_variances, y):
    _, _, v, F = kalman_filter(log_variances, y)
    return -np.sum(np.log(2 * np.pi * F) + v**2 / F, axis=0) / 2


def climb(f, x):
    """All steps to where f is highest, by BFGS: B, the inverse of −H, is learnt from how the gradient changes."""
    B, path, (value, slope) = np.eye(len(x)), [x], value_and_grad(f)(x)
    while np.abs(slope).max() > 1e-5:
        s = B @ slope
        while f(x + s) < value + 1e-4 * (s @ slope):
            s = s / 2
        x = x + s
        new_value, new_slope = value_and_grad(f)(x)
        d = slope - new_slope  # −H s, about
        if s @ d > 0:
            V = np.eye(len(x)) - np.outer(s, d) / (s @ d)
            B = V @ B @ V.T + np.outer(s, s) / (s @ d)
        value, slope = new_value, new_slope
        path.append(x)
    return np.array(path)


path = climb(lambda log_variances: log_likelihood(log_variances, nile), np.log([nile.var(), nile.var()]))
var_eps, var_eta = np.exp(path[-1])
print(f"{len(path) - 1} steps: the weather's variance is {var_eps:.0f}, the level's {var_eta:.1f} a year")
assert np.allclose([var_eps, var_eta], [15099, 1469.1], rtol=1e-4)  # Durbin & Koopman

level = nile + var_eps * grad(log_likelihood, argnums=1)(path[-1], nile)
spread = np.sqrt(np.diag(var_eps * np.eye(N) + var_eps**2 * hessian(log_likelihood, argnums=1)(path[-1], nile)))
print(
    f"the level of 1871 was {level[0]:.0f} ± {spread[0]:.0f}, that of 1920 {level[49]:.0f} ± {spread[49]:.0f} "
    f"(one standard deviation)"
)

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

file = sys.argv[1] if len(sys.argv) > 1 else "kalman_filter.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(13, 4.6), width_ratios=(1.7, 1), layout="constrained")
years = np.arange(1871, 1971)
left.plot(years, nile, "o-", color="grey", markersize=3, linewidth=0.6, label="flow of the year")
a, P = (x.numpy() for x in kalman_filter(path[-1], nile)[:2])
left.plot(years[1:], a[1:N], color="#edae49", label="level, from the years before")
left.plot(years, level, color="#30638e", linewidth=2.2, label="level, from all years, with 90% band")
left.fill_between(years, level - 1.645 * spread, level + 1.645 * spread, color="#30638e", alpha=0.2)
ahead = np.arange(10)
doubt = 1.645 * np.sqrt(P[N] + ahead * var_eta + var_eps)
left.plot(1971 + ahead, np.full(10, a[N]), "--", color="#d1495b", label="forecast of the flow, with 90% band")
left.fill_between(1971 + ahead, a[N] - doubt, a[N] + doubt, color="#d1495b", alpha=0.15)
left.vlines(1899, 550, 1400, color="black", linewidth=0.6)
left.annotate("1899: the dam at Aswan is begun", (1899, 1370), xytext=(4, 0), textcoords="offset points", fontsize=9)
left.set(xlabel="year", ylabel="flow of the Nile at Aswan (10⁸ m³)", xlim=(1869, 1982), ylim=(300, 1420))
left.legend(frameon=False, fontsize=9, ncols=2, loc="lower left")

deviations = np.stack(np.meshgrid(np.linspace(80, 185, 81), np.linspace(5, 185, 81)))  # (2, 81, 81)
height = log_likelihood(2 * np.log(deviations), nile).numpy()
levels = [-40, -25, -15, -10, -6, -3, -1]
lines = right.contour(*deviations, height - height.max(), levels, colors="#30638e", linewidths=0.8)
right.clabel(lines, fontsize=8)
right.plot(*np.exp(path.T / 2), "o-", color="#d1495b", markersize=4, linewidth=1.2, label="steps of BFGS")
right.plot(*np.sqrt([15099, 1469.1]), "x", color="black", markersize=9, label="Durbin & Koopman")
right.set(xlabel=r"$\sigma_\varepsilon$: weather of a year", ylabel=r"$\sigma_\eta$: the level's step in a year")
right.set_title("log-likelihood below its maximum", fontsize=10)
right.legend(framealpha=1, edgecolor="none", fontsize=9)
for panel in (left, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(file, dpi=120)
print(f"picture: {file}")
