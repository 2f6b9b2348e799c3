package goal

import (
	"context"
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/deploy"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// NoQuiet says why this run may not upgrade quietly; "" where it may. By hand it may as an
// owner of the team main.
func (g *Goal) NoQuiet() string {
	if !g.Options.Self || g.Elsewhere() || manifest.QuietUpgrades(g.Config) {
		return ""
	}
	return fmt.Sprintf("pipeline.quiet_upgrades is false, so the pipeline may not pause other teams' pipelines: run perpetual deploy %s --upgrade by hand, or set pipeline.quiet_upgrades: true", g.Name)
}

// checkQuiet refuses another Concourse that takes a quiet upgrade, where this run may not
// do one, before anything is changed. What it cannot find out the deploy will.
func (g *Goal) checkQuiet(ctx context.Context) error {
	why, from, to := g.NoQuiet(), selection.Versions(g.mayRun()).Concourse, selection.Versions(g.Set).Concourse
	if why == "" || from == "" || from == to {
		return nil
	}
	atc, err := g.ATC(g.WebNow(ctx))
	if err != nil {
		return nil
	}
	reason := deploy.NeedsQuiet(ctx, atc, to, g.Config.Upgrade.Way)
	if reason == "" {
		return nil
	}
	return fmt.Errorf("a quiet upgrade is needed (%s), and nothing was changed: %s", reason, why)
}
