package director

import (
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/api"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// policy is how a group's instances are updated.
type policy struct {
	canaries    string // "1" or "50%"
	maxInFlight string // "1" or "50%"
	serial      bool
	zonesAtOnce bool // initial_deploy_az_update_strategy: parallel
}

// limits are what a deploy asks for in the place of the manifest's.
type limits struct {
	canaries    string // "" leaves the manifest's
	maxInFlight string // "" leaves the manifest's
}

// count reads a number or a percentage of size, rounded down.
func count(text string, size int) (int, bool) {
	if percent, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.Atoi(percent)
		return n * size / 100, err == nil
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// newPolicy reads an update section, that of a group over that of the manifest.
// What a deploy asks for overrides both, for every group.
func newPolicy(update document.Mapping, limits limits) (policy, error) {
	if err := api.Need(update, "canaries", "max_in_flight", "canary_watch_time", "update_watch_time"); err != nil {
		return policy{}, err
	}
	p := policy{
		canaries: update.Text("canaries"), maxInFlight: update.Text("max_in_flight"), serial: update.Text("serial") != "false",
		zonesAtOnce: update.Text("initial_deploy_az_update_strategy") == "parallel",
	}
	if limits.canaries != "" {
		p.canaries = limits.canaries
	}
	if limits.maxInFlight != "" {
		p.maxInFlight = limits.maxInFlight
	}
	if _, ok := count(p.canaries, 1); !ok {
		return p, api.NewFailure(100, "canaries value should be integer or percent")
	}
	if _, ok := count(p.maxInFlight, 1); !ok {
		return p, api.NewFailure(100, "max_in_flight value should be integer or percent")
	}
	return p, nil
}
