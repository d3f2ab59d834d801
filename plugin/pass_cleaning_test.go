package plugin

import (
	"testing"
	"time"
)

// C3: cleaning up late in a pass has the reserve again, however early it was
// first needed, and no cleaning up goes beyond the end of the pass.
func TestCleaningHasItsReserve(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		name string
		end  time.Duration // until the end of the pass
		want time.Duration
	}{
		{"early", time.Hour, time.Minute},
		{"at the end", 10 * time.Second, 10 * time.Second},
		{"after the end", -time.Hour, -time.Hour},
	} {
		a := &act{reserve: time.Minute, end: now.Add(tt.end)}
		_, early := a.cleaning()
		early()
		a.reserve = time.Minute + time.Second // as if a second had passed
		ctx, cancel := a.cleaning()
		by, _ := ctx.Deadline()
		cancel()
		if tt.name == "early" {
			if by.Before(now.Add(time.Minute + time.Second)) {
				t.Errorf("%s: until %v, want the whole reserve anew", tt.name, by.Sub(now))
			}
			continue
		}
		if !by.Equal(now.Add(tt.want)) {
			t.Errorf("%s: until %v, want %v", tt.name, by.Sub(now), tt.want)
		}
	}
}
