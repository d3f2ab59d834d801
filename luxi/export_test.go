package luxi

import "time"

// OnBusy has f called whenever a call begins to wait because luxid's queue of
// connections is full. It returns what ends that.
func OnBusy(f func()) (end func()) {
	busyTimer = func(d time.Duration) *time.Timer {
		f()
		return time.NewTimer(d)
	}
	return func() { busyTimer = time.NewTimer }
}
