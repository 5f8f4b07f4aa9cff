"""The same question as `coldwatch backtest`, asked the usual way: pandas for windows, scikit-learn for scores.

python3 reference_backtest.py READINGS.csv  prints the seconds that it took, the imports left out.
"""

import sys
import time

import pandas as pd
from sklearn.ensemble import IsolationForest

began = time.perf_counter()
data = pd.read_csv(sys.argv[1], parse_dates=["ts_utc_iso"], usecols=["sensor", "ts_utc_iso", "temperature_c"])
alarms = 0
for _, one in data.dropna().groupby("sensor", sort=False):
    value = one.set_index("ts_utc_iso")["temperature_c"]
    median = value.rolling(3).median()
    before = median.shift(1)
    z = (median - before.rolling("5min").mean()) / before.rolling("5min").std()
    slope = median.diff(10) / 10
    outside = (median > 8) | (median < 2)
    dwell = outside.astype(float).rolling("20min").min() > 0
    usual_high = median.rolling("7D").quantile(0.9)
    usual_low = median.rolling("7D").quantile(0.1)
    features = pd.DataFrame({"value": median, "slope": slope, "above": median - usual_high, "below": usual_low - median}).fillna(0)
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=1).fit(features.iloc[:10_000])
    score = -forest.score_samples(features)
    alarms += int((dwell & ~dwell.shift(1, fill_value=False)).sum()) + int((score > 0.75).sum()) + int((z.abs() > 6).sum())
print(time.perf_counter() - began)
