package artifact

import (
	"fmt"
	"strconv"
	"time"
)

// progress writes lines about one file: now and then while it comes, and one at its end.
type progress struct {
	fetcher *Fetcher
	name    string
	start   time.Time
	last    time.Time // when the last line was written
	at      int64     // and how far the file was then
}

// newProgress starts the clock.
func newProgress(f *Fetcher, name string) *progress {
	now := time.Now()
	return &progress{fetcher: f, name: name, start: now, last: now}
}

// tick writes a line if the last one is old enough. total is 0 or less if unknown.
func (p *progress) tick(at, total int64) {
	now := time.Now()
	passed := now.Sub(p.last)
	if passed < p.fetcher.config.Every {
		return
	}
	speed := bytesText(int64(float64(max(0, at-p.at))/passed.Seconds())) + "/s"
	if total > 0 {
		p.fetcher.logf("%s: %s of %s (%d %%), %s", p.name, bytesText(at), bytesText(total), at*100/total, speed)
	} else {
		p.fetcher.logf("%s: %s, %s", p.name, bytesText(at), speed)
	}
	p.last, p.at = now, at
}

// done writes the line that says what was verified.
func (p *progress) done(size int64, checked string) {
	verified := checked + " verified"
	if checked == "" {
		verified = "not verified, no digest of it is known"
	}
	p.fetcher.logf("%s: %s in %s, %s", p.name, bytesText(size), time.Since(p.start).Round(time.Millisecond), verified)
}

// count is an exact number of bytes.
func count(n int64) string { return strconv.FormatInt(n, 10) + " bytes" }

// bytesText is a size for people, in decimal units.
func bytesText(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return count(n)
}
