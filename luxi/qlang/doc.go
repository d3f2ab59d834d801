// Package qlang reads the filter strings of Ganeti's query language, those that
// "gnt-instance list -F" takes, and turns them into filters for luxi.Query:
//
//	name =* "*.example.com" and not (be/maxmem > 4096 or "web" in tags)
//
// The language is that of lib/qlang.py, whose parser (built on pyparsing) is
// followed to the letter, its oddities included, so that a string means here
// what it means to gnt-*:
//
//	filter    = and { "or" and }
//	and       = not { "and" not }
//	not       = [ "not" ] not | condition | "(" filter ")"
//	condition = field                          true
//	          | field op value                 == = != < <= > >=
//	          | value [ "not" ] "in" field     contained in a list
//	          | field ( "=~" | "!~" ) regexp   m/.../si, also with # ^ |
//	          | field ( "=*" | "!*" ) string   * and ? stop at dots
//	value     = integer | string
//	string    = '"' ... '"' | "'" ... "'"
//
// Two things surprise everybody: the escape sign \ is taken out of regular
// expressions (write \\. for a dot), and a word that follows a regular
// expression is read as its flags (put the expression in parentheses).
//
// Where releases of pyparsing differ, which they do about \\t, \\n, \\f and \\r in
// a regular expression, the filter is refused.
package qlang
