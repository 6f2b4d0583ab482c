"""Air along a plate: a network is taught a differential equation of third order, and no data.

    python packages/core/examples/third_derivative.py [picture.png]

Air that streams along a thin plate sticks to it, and the layer of air that this slows down grows downstream. Blasius
found that all profiles across the layer are one curve, stretched: at height y, a distance x behind the edge, the air
moves at U f′(η), where η = y √(U / νx). U is its speed far from the plate, ν its viscosity, and

    f‴ + ½ f f″ = 0,      f(0) = 0,      f′(0) = 0,      f′(∞) = 1

The drag on the plate is proportional to f″(0), a number without a closed form. A physics-informed network looks for f
among the sums of a line and a few tanh. It is told only how far it is from solving the equation at some points, and
from the three conditions (10 stands for ∞):

    f(η) = c + dη + Σₖ aₖ tanh(wₖη + bₖ),      rᵢ(θ) = f‴(ηᵢ) + ½ f(ηᵢ) f″(ηᵢ)

f‴ is `elementwise_grad` three times over, and the derivative of r by the weights θ is one order more. The method of
Levenberg and Marquardt makes Σ r² small: with J = ∂r/∂θ its step is −(JᵀJ + λI)⁻¹ Jᵀr, which is a Gauss-Newton step
where λ is small, and a short one downhill where it is large. Draws (with matplotlib, if there is one) the profile as it
is learnt, what is left of the equation, and the layer over a plate of one metre.

Blasius (1908), Zeitschrift für Mathematik und Physik 56, 1-37. Boyd (1999), Experimental Mathematics 8(4): f″(0).
"""

import sys

import numpy as np

from pellucid import elementwise_grad, jacobian

K, end = 8, 10.0
points = end * np.linspace(0, 1, 41) ** 1.5  # denser near the plate


def f(eta, theta):
    a, b, w = theta[: 3 * K].reshape(3, K)
    c, d = theta[3 * K :]
    return c + d * eta + np.tanh(w * eta[:, None] + b) @ a


df = elementwise_grad(f)
ddf = elementwise_grad(df)
dddf = elementwise_grad(ddf)


def equation(eta, theta):
    return dddf(eta, theta) + f(eta, theta) * ddf(eta, theta) / 2


def residuals(theta):
    """What is left of the equation at each point, and of the three conditions: (3K + 2,) -> (44,)."""
    wall, far = np.array([0.0]), np.array([end])
    conditions = [f(wall, theta), df(wall, theta), df(far, theta) - 1]
    return np.concatenate([equation(points, theta), *conditions])


def least_squares(r, theta, steps):
    """Levenberg and Marquardt's method; returns θ after each step."""
    path, damping = [theta], 1.0
    for _ in range(steps):
        now, J = r(theta), jacobian(r)(theta)
        while True:
            step = np.linalg.solve(J.T @ J + damping * np.eye(len(theta)), -J.T @ now)
            if np.sum(r(theta + step) ** 2) < np.sum(now**2) or damping > 1e9:
                break
            damping *= 2
        theta, damping = theta + step, damping / 10
        path.append(theta)
    return path


w = np.full(K, 0.5)
b = -w * np.linspace(0, 6, K)  # the tanh stand side by side across the layer, and none of them counts yet: f(η) = η
path = least_squares(residuals, np.concatenate([np.zeros(K), b, w, [0.0, 1.0]]), steps=32)
theta = path[-1]
drag = ddf(np.zeros(1), theta)[0]
print(f"f″(0) = {drag:.6f}; the equation is kept to {np.abs(equation(points, theta)).max():.0e}")
assert abs(drag - 0.332057336) < 2e-5, drag

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

file = sys.argv[1] if len(sys.argv) > 1 else "third_derivative.png"
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.6), width_ratios=(1, 1, 1.3), layout="constrained")
eta = np.linspace(0, end, 401)
for steps, colour in {0: "#cccccc", 2: "#edae49", 4: "#d1495b", len(path) - 1: "#30638e"}.items():
    left.plot(df(eta, path[steps]), eta, color=colour, linewidth=2, label=f"after {steps} steps")
    if steps > 0:  # f(η) = η solves the equation, but does not stick to the plate
        middle.semilogy(eta, np.abs(equation(eta, path[steps])), color=colour, label=f"after {steps} steps")
left.plot([0, 1], [0, 1 / drag], ":", color="black")
left.annotate(f"slope at the plate\n{drag:.6f}", (0.55, 0.85), fontsize=9)
left.set(xlabel="speed u / U = f′(η)", ylabel="height η", ylim=(0, 8), xlim=(-0.05, 1.15), title="profile")
left.legend(framealpha=0.9, edgecolor="none", fontsize=9, loc="upper left")
middle.set(xlabel="height η", ylabel="|f‴ + ½ f f″|", title="what is left of the equation")
middle.legend(frameon=False, fontsize=9, loc=(0.6, 0.45))

speed, viscosity = 5.0, 1.5e-5  # of air, in m/s and m²/s
x, y = np.meshgrid(np.linspace(0.002, 1, 200), np.linspace(0, 0.014, 141))
at = np.minimum(y * np.sqrt(speed / (viscosity * x)), end)
u = df(at.ravel(), theta).reshape(at.shape)
shades = right.contourf(x, 1000 * y, u, np.linspace(0, 1, 21), cmap="Blues_r")
edge = right.contour(x, 1000 * y, u, [0.99], colors="black", linewidths=1)
right.clabel(edge, fmt="99%% of U", manual=[(0.64, 6.8)], fontsize=9)
for j in range(19, 180, 40):
    right.plot(x[:, j] + u[:, j] / 11, 1000 * y[:, j], color="#d1495b", linewidth=1)
some = np.s_[10:140:10, 19:180:40]
arrows = {"angles": "xy", "scale_units": "x", "scale": 11, "width": 0.004, "color": "#d1495b"}
right.quiver(x[some], 1000 * y[some], u[some], 0 * u[some], **arrows)
right.set(xlabel="distance from the edge (m)", ylabel="height (mm)", title="air at 5 m/s along a plate")
figure.colorbar(shades, ax=right, label="u / U", ticks=np.linspace(0, 1, 6))
for panel in (left, middle):
    panel.spines[["top", "right"]].set_visible(False)
figure.savefig(file, dpi=120)
print(f"picture: {file}")
