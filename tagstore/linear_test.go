package tagstore_test

import (
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/tagstore"
)

// mostTags is how many tags an object can have (MAX_TAGS_PER_OBJ in
// lib/_constants.py).
const mostTags = 4096

// crowds are ways to fill an object with n tags of ours.
var crowds = map[string]func(k int) string{
	"types":           func(k int) string { return "failover" },
	"suspensions":     func(k int) string { return "suspend:" + strconv.Itoa(1e9+k) },
	"repairs":         func(k int) string { return fmt.Sprintf("pending:failover:id%d:%d:%d", k, k, k+1) },
	"copies":          func(k int) string { return fmt.Sprintf("pending:failover:x:5:%d+%d+%d", 3*k+1, 3*k+2, 3*k+3) },
	"results":         func(k int) string { return fmt.Sprintf("result:failover:id%d:%d:success:%d", k, k, k+1) },
	"failures":        func(k int) string { return fmt.Sprintf("result:failover:id%d:%d:failure:%d", k, k, k+1) },
	"one moment":      func(k int) string { return fmt.Sprintf("result:failover:id%d:5:enoperm:%d", k, k+1) },
	"misspelt":        func(k int) string { return fmt.Sprintf("failovr%d", k) },
	"unreadable":      func(k int) string { return fmt.Sprintf("pending:%d", k) },
	"result and copy": resultAndCopy,
}

// resultAndCopy is the pending tag and the result of each repair in turn (T6).
func resultAndCopy(k int) string {
	if k%2 == 0 {
		return fmt.Sprintf("pending:failover:id%d:1:", k/2)
	}
	return fmt.Sprintf("result:failover:id%d:2:success:", k/2)
}

// work does with an object's tags all that a pass does.
func work(tags []string) {
	o := tagstore.Object{Kind: luxi.TagInstance, Name: "i", Tags: tagstore.Parse(luxi.TagInstance, tags)}
	tagstore.EffectivePolicy(now, o)
	o.Tags.ExpiredSuspends(now)
	r := o.Tags.Records()
	r.Outdated(1, 1)
	r.Superseded(1)
	r.Enoperms()
	r.EnopermFor(tagstore.Reinstall)
	for _, repair := range r.Repairs {
		r.ResultOf(repair.ID)
	}
	o.SetPolicy(tagstore.Migrate)
	o.Suspend(0)
	o.Resume()
	o.Acknowledge()
	o.Request(tagstore.Pending{Type: tagstore.Reinstall, ID: "new", Time: 1}, false)
	o.After(o.GiveUp())
}

func crowd(body func(int) string, n int) []string {
	tags := make([]string, n)
	for k := range tags {
		tags[k] = tagstore.Prefix + body(k)
	}
	return tags
}

// W6: eight times the tags take about eight times the memory to work with; were the
// work quadratic it would be 64 times. How many bytes are allocated does not depend
// on the speed of the machine.
func TestWorkGrowsLinearly(t *testing.T) {
	for name, body := range crowds {
		few, many := allocated(crowd(body, mostTags/8)), allocated(crowd(body, mostTags))
		if ratio := float64(many) / float64(few); ratio > 16 {
			t.Errorf("%s: %d tags take %.1f times the memory of %d", name, mostTags, ratio, mostTags/8)
		}
	}
}

// allocated returns how many bytes working with the tags allocates.
func allocated(tags []string) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work(tags)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// W6: nanoseconds per tag, which stay much the same from 512 tags to 4,096.
func BenchmarkTags(b *testing.B) {
	for name, body := range crowds {
		for _, n := range []int{mostTags / 8, mostTags} {
			tags := crowd(body, n)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				began := time.Now()
				for k := 0; k < b.N; k++ {
					work(tags)
				}
				b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(b.N)/float64(n), "ns/tag")
			})
		}
	}
}
