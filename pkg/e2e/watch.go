package main

import (
	"fmt"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director"
)

// updatePolicy is how long BOSH watches an instance: from the one to the other,
// in milliseconds.
type updatePolicy struct {
	Canary string `yaml:"canary_watch_time"` // "30000-600000"
	Update string `yaml:"update_watch_time"`
}

// watchTime is the least time for which BOSH looks at a new instance before it
// takes it for running, as the manifest says it. It is scaled like all of the
// director's own durations.
func watchTime(u director.Update) (time.Duration, error) {
	var m struct {
		Update updatePolicy
		Groups []struct {
			Name   string
			Update updatePolicy
		} `yaml:"instance_groups"`
	}
	if err := yaml.Unmarshal(u.Manifest, &m); err != nil {
		return 0, fmt.Errorf("read the watch time: %w", err)
	}
	pick := func(p updatePolicy) string {
		if u.Canary {
			return p.Canary
		}
		return p.Update
	}
	text := pick(m.Update)
	for _, g := range m.Groups {
		if own := pick(g.Update); g.Name == u.Group && own != "" {
			text = own
		}
	}
	least, _, _ := strings.Cut(text, "-")
	real, err := time.ParseDuration(strings.TrimSpace(least) + "ms")
	if err != nil {
		return 0, fmt.Errorf("read the watch time of %s: %w", u.Group, err)
	}
	return time.Duration(float64(real) * directorScale), nil
}
