module ganeti-autorepair

go 1.19

require (
	github.com/BurntSushi/toml v1.2.0
	github.com/alecthomas/kong v0.7.1
	golang.org/x/exp v0.0.0-20221028150844-83b7d23a625f
	golang.org/x/term v0.3.0
)

require golang.org/x/sys v0.3.0 // indirect
