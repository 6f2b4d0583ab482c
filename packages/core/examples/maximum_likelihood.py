"""How much longer does a drug hold leukaemia back?  Maximum likelihood, with errors from the Hessian.

    python packages/core/examples/maximum_likelihood.py [picture.png]

42 children in remission got 6-mercaptopurine or a placebo, and the weeks until a relapse were counted. Twelve children
had none when the trial ended: of them one knows that the time is longer, which is no reason to leave them out. With the
drug x = 1, with the placebo x = 0; the model is Weibull's, in which the drug stretches all times by eᵝ:

    S(t) = exp(−eᶻ),   z = (log t − μ − βx) / σ         the share still in remission at time t
    −dS/dt = eᶻ S / (σt)                                the density of relapses

    ℓ(θ) = Σ log(density) over those who relapsed + Σ log S over the others,   θ = (μ, β, log σ)

Newton's method finds where the gradient is zero. How sharply ℓ bends there says how well the data know θ: its
covariance is −H⁻¹, and what is computed from θ with a Jacobian J has −J H⁻¹ Jᵀ. Only ℓ is written down; `grad`,
`hessian` and `jacobian` do the rest. Draws (with matplotlib, if there is one) the remissions and the fit with its 95%
band, and ℓ with the parabola by which the standard error of β judges it.

Freireich et al. (1963), Blood 21, 699-716; the table as in Gehan (1965), Biometrika 52, 203-223.
"""

import sys

import numpy as np

from pellucid import grad, hessian, jacobian

relapse = [6, 6, 6, 7, 10, 13, 16, 22, 23]  # weeks, with the drug
no_relapse = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]  # when they were last seen
placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]  # all relapsed

t = np.array([*relapse, *no_relapse, *placebo], float)  # (42,)
x = np.repeat([1.0, 0.0], 21)
relapsed = np.repeat([1.0, 0.0, 1.0], [9, 12, 21])


def log_hazard(theta, t, x):
    """z, the logarithm of the hazard summed up to time t."""
    mu, beta, log_sigma = theta
    return (np.log(t) - mu - beta * x) / np.exp(log_sigma)


def log_likelihood(theta):
    z = log_hazard(theta, t, x)
    return np.sum(relapsed * (z - theta[2] - np.log(t)) - np.exp(z))


def maximise(f, theta):
    """Newton's method: go where the parabola with f's gradient and Hessian is highest, or half as far, or a quarter."""
    while True:
        gradient = grad(f)(theta)
        step = -np.linalg.solve(hessian(f)(theta), gradient)
        if gradient @ step < 1e-10:  # twice what the parabola still promises to gain
            return theta
        while f(theta + step) < f(theta):
            step /= 2
        theta = theta + step


theta = maximise(log_likelihood, np.array([np.log(t.mean()), 0.0, 0.0]))
covariance = -np.linalg.inv(hessian(log_likelihood)(theta))
error = np.sqrt(np.diag(covariance))
for name, value, e in zip(("μ", "β", "log σ"), theta, error, strict=True):
    print(f"{name:>5} = {value:6.3f} ± {e:.3f}")
low, high = np.exp(theta[1] + np.array([-1.96, 1.96]) * error[1])
print(f"the drug makes remissions {np.exp(theta[1]):.1f} times as long (95%: {low:.1f} to {high:.1f})")
assert np.allclose([theta[1], error[1]], [1.267, 0.311], atol=5e-4)  # as R's survreg has it

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "maximum_likelihood.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
weeks = np.linspace(0.1, 36, 200)
for group, name, colour in ((1.0, "6-mercaptopurine", "#30638e"), (0.0, "placebo", "#d1495b")):
    ours, event = t[x == group], relapsed[x == group]
    at = np.unique(ours)
    at_risk = np.sum(ours >= at[:, None], axis=1)
    stays = 1 - np.sum((ours == at[:, None]) * event, axis=1) / at_risk
    share = np.cumprod(stays)  # Kaplan and Meier's estimate, which assumes no model
    left.step([0, *at], [1, *share], where="post", color=colour, linewidth=1, label=f"{name}, as observed")
    lost = np.isin(at, ours[event == 0])
    left.plot(at[lost], share[lost], "|", color=colour, markersize=9)
    z = log_hazard(theta, weeks, group)
    J = jacobian(log_hazard)(theta, weeks, group)  # (200, 3)
    spread = 1.96 * np.sqrt(np.sum(J @ covariance * J, axis=1))
    left.plot(weeks, np.exp(-np.exp(z)), color=colour, linewidth=2.2, label="Weibull, with 95% band")
    left.fill_between(weeks, np.exp(-np.exp(z - spread)), np.exp(-np.exp(z + spread)), color=colour, alpha=0.15)
left.set(xlabel="weeks since remission", ylabel="share still in remission", xlim=(0, 36), ylim=(0, 1.02))
left.legend(frameon=False, fontsize=9)
left.set_title("the remissions, and the fit (a tick: last seen without a relapse)", fontsize=10)

betas = np.linspace(theta[1] - 3.2 * error[1], theta[1] + 3.2 * error[1], 25)
best = log_likelihood(theta)
profile = []
for beta in betas:  # the other two parameters as good as they can be
    rest = maximise(lambda rest, beta=beta: log_likelihood([rest[0], beta, rest[1]]), theta[[0, 2]])
    profile.append(log_likelihood([rest[0], beta, rest[1]]) - best)
right.plot(betas, profile, color="black", label="log-likelihood, best μ and σ")
right.plot(betas, -(((betas - theta[1]) / error[1]) ** 2) / 2, "--", color="#edae49", label="parabola with the Hessian")
right.axhline(-(1.96**2) / 2, color="grey", linewidth=0.8)
right.annotate("−1.92: the 95% cut\nof the likelihood", (0.03, -1.86), color="grey", fontsize=9)
right.errorbar(theta[1], -(1.96**2) / 2, xerr=1.96 * error[1], fmt="o", color="#30638e", capsize=5, label="β, 95%")
right.axvline(0, color="#d1495b", linewidth=0.8)
right.annotate("no effect", (0, -4.6), xytext=(4, 0), textcoords="offset points", color="#d1495b")
right.set(xlabel="β: the drug stretches times by eᵝ", ylabel="log-likelihood below its maximum", ylim=(-5.2, 0.2))
right.legend(frameon=False, fontsize=9, loc="lower center")
right.set_title("what the data say about β", fontsize=10)
for panel in (left, right):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(path, dpi=120)
print(f"picture: {path}")
