package concourse

import (
	"github.com/Masterminds/semver/v3"
)

// releases are the lines of Concourse with the worker version and the newest
// migration of their last release, the newest line first, as the repository's
// tags have them. It is kept apart from the table of the programs that are tried
// here, so that an error there shows.
var releases = []struct {
	from      string
	worker    string
	migration int64
}{
	{"8.3.0", "3.0", 1783024587},
	{"8.2.0", "2.5", 1776182280},
	{"8.1.0", "2.5", 1771492499},
	{"8.0.0", "2.5", 1765921815},
	{"7.14.0", "2.5", 1746768931},
	{"7.10.0", "2.5", 1666754000},
	{"7.9.1", "2.4", 1666754000},
	{"7.8.0", "2.4", 1645736232},
	{"7.7.0", "2.4", 1630515499},
	{"7.0.0", "2.3", 1630515499},
}

// ReleaseOf is a version of the Concourse release as web and workers know it. A
// text that is not a version never migrates.
func ReleaseOf(version string) Release {
	r := Release{Version: version, Worker: releases[len(releases)-1].worker}
	v, err := semver.NewVersion(version)
	if err != nil {
		return r
	}
	for _, line := range releases {
		if !v.LessThan(semver.MustParse(line.from)) {
			r.Worker, r.Migration = line.worker, line.migration
			break
		}
	}
	return r
}
