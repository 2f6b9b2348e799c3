package plan

import (
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// policy is how a group's instances are updated.
type policy struct {
	Canaries    string // "1" or "50%"
	MaxInFlight string // "1" or "50%"
	Serial      bool
	ZonesAtOnce bool // initial_deploy_az_update_strategy: parallel
}

// Limits are what a deploy asks for in the place of the manifest's.
type Limits struct {
	Canaries    string // "" leaves the manifest's
	MaxInFlight string // "" leaves the manifest's
}

// Count reads a number or a percentage of size, rounded down.
func Count(text string, size int) (int, bool) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.Atoi(percent)
		return n * size / 100, err == nil
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// newPolicy reads an update section, that of a group over that of the manifest.
// What a deploy asks for overrides both, for every group.
func newPolicy(update document.Mapping, limits Limits) (policy, error) {
	if err := api.Need(update, "canaries", "max_in_flight", "canary_watch_time", "update_watch_time"); err != nil {
		return policy{}, err
	}
	p := policy{
		Canaries: update.Text("canaries"), MaxInFlight: update.Text("max_in_flight"), Serial: update.Text("serial") != "false",
		ZonesAtOnce: update.Text("initial_deploy_az_update_strategy") == "parallel",
	}
	if limits.Canaries != "" {
		p.Canaries = limits.Canaries
	}
	if limits.MaxInFlight != "" {
		p.MaxInFlight = limits.MaxInFlight
	}
	if _, ok := Count(p.Canaries, 1); !ok {
		return p, api.NewFailure(100, "canaries value should be integer or percent")
	}
	if _, ok := Count(p.MaxInFlight, 1); !ok {
		return p, api.NewFailure(100, "max_in_flight value should be integer or percent")
	}
	return p, nil
}
