package repair

import (
	"sort"
	"strings"
)

// NiceLess orders names as Ganeti does, digits by their value: node2 before node10
// (NiceSort in lib/utils/algo.py).
func NiceLess(a, b string) bool {
	x, y := a, b
	for x != "" && y != "" {
		p, q := digits(x), digits(y)
		if p == "" || q == "" {
			if x[0] != y[0] {
				return x[0] < y[0]
			}
			x, y = x[1:], y[1:]
			continue
		}
		m, n := strings.TrimLeft(p, "0"), strings.TrimLeft(q, "0")
		switch {
		case len(m) != len(n):
			return len(m) < len(n)
		case m != n:
			return m < n
		}
		x, y = x[len(p):], y[len(q):]
	}
	if x == "" && y == "" {
		return a < b // they differ in leading zeros alone
	}
	return x == ""
}

// digits returns the digits that a text begins with.
func digits(s string) string {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return s[:n]
}

// NiceSort sorts names as NiceLess orders them.
func NiceSort(names []string) {
	sort.Slice(names, func(i, j int) bool { return NiceLess(names[i], names[j]) })
}
