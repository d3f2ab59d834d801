package main

import "strings"

// nearest returns the known word that was probably meant by one that is not known: one
// that it is the beginning of, or else the one with the fewest differences. "" if none
// is near.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, least := "", 3
	for _, k := range known {
		if len(word) >= 4 && strings.HasPrefix(k, word) {
			return k
		}
		if d := editDistance(word, k); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best
}

// didYouMean returns what to add to an error about a word that is not known: "; did you
// mean failover?", or nothing.
func didYouMean(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// editDistance returns how many letters have to be added, removed or changed to make
// one word of the other.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for k := 1; k <= len(b); k++ {
			d := diagonal
			if a[i-1] != b[k-1] {
				d++
			}
			if row[k]+1 < d {
				d = row[k] + 1
			}
			if row[k-1]+1 < d {
				d = row[k-1] + 1
			}
			diagonal, row[k] = row[k], d
		}
	}
	return row[len(b)]
}
