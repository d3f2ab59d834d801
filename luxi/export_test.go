package luxi

import "time"

// OnBusy has f called whenever a call begins to wait because luxid's queue of
// connections is full. It is to be set before the first call.
func (c *Client) OnBusy(f func()) {
	c.timer = func(d time.Duration) *time.Timer {
		f()
		return time.NewTimer(d)
	}
}
