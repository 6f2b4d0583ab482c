"""How much sooner do smokers die of their hearts?  Counts of deaths, and the years in which they could have happened.

    python packages/linear/examples/generalized_linear_model.py [picture.png]

Ten counts of deaths among British doctors, five ages, smokers or not. A Poisson model with the logarithm of the years
lived as offset is a model of the rate of deaths per year: its logarithm is a parabola of the age, to which smoking adds
a line. Draws (with matplotlib, if there is one) the rates that were counted, with the scatter that a count has, beside
the model's curves with their 95 % bands. Where doctors were many the bands are narrow.
"""

import sys

import numpy as np

import pellucid
from pellucid_linear.generalized_linear_model import GeneralizedLinearModel

data = pellucid.dataset("british-doctors")
age, smokes, years = data.X.T  # the youngest age of each group, 1 or 0, person-years


def features(age, smokes):
    group = (age - 25) / 10  # 1 ... 5
    return np.column_stack([np.full_like(group, smokes), group, group**2, smokes * group])


model = GeneralizedLinearModel("poisson").fit(features(age, smokes), data.y, offset=np.log(years))
low, high = model.confidence_interval(0.95)
for name, value, a, b in zip(["smoking", "age", "age²", "smoking x age"], model.coef_, low, high):
    print(f"{name:>13}: {value:7.3f}   95 % from {a:.3f} to {b:.3f}")
print(f"deviance {model.deviance_:.3f} with 5 degrees of freedom; {model.null_deviance_:.0f} for one rate for all")
assert abs(model.deviance_ - 1.635) < 1e-3  # as in Dobson & Barnett (2018), sec. 9.2
ends = np.array([35.0, 75.0])
ratio = model.predict(features(ends, 1)) / model.predict(features(ends, 0))
print(f"smokers' rate over that of others: {ratio[0]:.1f} from 35 to 44, {ratio[1]:.1f} from 75 to 84")

try:
    import matplotlib
except ImportError:
    print("no picture: matplotlib is not installed")
    sys.exit()

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

path = sys.argv[1] if len(sys.argv) > 1 else "generalized_linear_model.png"
figure, panels = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
ages = np.linspace(33, 77, 200)
for value, name, colour in ((1, "smokers", "#d1495b"), (0, "others", "#30638e")):
    mean = 1e5 * model.predict(features(ages, value))
    band = [1e5 * end for end in model.mean_interval(features(ages, value))]
    rows = smokes == value
    rate, scatter = 1e5 * data.y[rows] / years[rows], 1e5 * np.sqrt(data.y[rows]) / years[rows]
    for panel in panels:
        panel.fill_between(ages + 5, *band, color=colour, alpha=0.2, linewidth=0)
        panel.plot(ages + 5, mean, color=colour, label=f"{name}, mean and 95 % band")
        panel.errorbar(age[rows] + 5, rate, scatter, color=colour, fmt="o", markersize=4, label=f"{name}, counted")
for panel, scale in zip(panels, ("linear", "log")):
    panel.set(xlabel="age", ylabel="deaths in 100,000 years of life", yscale=scale)
panels[0].legend()
panels[0].set_title("rates of deaths from coronary disease")
panels[1].set_title("the same; the logarithm is the linear part")
figure.savefig(path, dpi=120)
print(f"picture: {path}")
