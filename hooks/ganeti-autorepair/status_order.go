package main

import (
	"fmt"
	"sort"
	"strconv"

	"ganeti-autorepair/plugin/repair"
	"ganeti-autorepair/plugin/report"
)

// urgency says how urgently somebody should look at an instance.
type urgency int

const (
	needsPerson urgency = iota // nothing goes on before a person has done something
	isDown                     // it is down, and waits for no person
	isOther
)

// heading tells how many instances have this urgency; more says that others come before
// them.
func (u urgency) heading(n int, more bool) string {
	verbs := map[urgency][2]string{needsPerson: {"waits for a person", "wait for a person"}, isDown: {"is down", "are down"}}[u]
	verb, count := verbs[1], fmt.Sprint(n)
	if n == 1 {
		verb = verbs[0]
	}
	switch {
	case u == isOther && n == 1:
		return "1 other"
	case u == isOther:
		return count + " others"
	case more:
		count += " more"
	}
	return count + " " + verb
}

func urgencyOf(v report.View) urgency {
	switch {
	case v.Reason.Info().Person:
		return needsPerson
	case v.Down:
		return isDown
	}
	return isOther
}

// byUrgency is the order that people get where no other is asked for: first what waits for a
// person, then what is down; in each what is down first, then by name.
const byUrgency = "urgency"

// sortViews sorts views by urgency, or by a field. Without a key they stay in the order of
// their names.
func sortViews(views []report.View, key string, fields []field[report.View]) error {
	switch key {
	case "":
		return nil
	case byUrgency:
		sort.SliceStable(views, func(a, b int) bool {
			x, y := views[a], views[b]
			if p, q := urgencyOf(x), urgencyOf(y); p != q {
				return p < q
			}
			if x.Down != y.Down {
				return x.Down
			}
			return repair.NiceLess(x.Instance, y.Instance)
		})
		return nil
	}
	f := fieldNamed(fields, key)
	if f == nil {
		return &hintError{code: exitUsage, err: fmt.Errorf("unknown field %q%s", key, didYouMean(key, append([]string{byUrgency}, fieldNames(fields)...))), hint: "ganeti-autorepair list-fields"}
	}
	if f.sortBy != "" {
		f = fieldNamed(fields, f.sortBy)
	}
	sort.SliceStable(views, func(a, b int) bool {
		x, y := f.value(views[a]), f.value(views[b])
		if m, n, ok := numbers(x, y); ok {
			return m < n
		}
		return repair.NiceLess(x, y)
	})
	return nil
}

// numbers returns both texts as numbers, if both are.
func numbers(a, b string) (x, y int64, ok bool) {
	x, err1 := strconv.ParseInt(a, 10, 64)
	y, err2 := strconv.ParseInt(b, 10, 64)
	return x, y, err1 == nil && err2 == nil
}
