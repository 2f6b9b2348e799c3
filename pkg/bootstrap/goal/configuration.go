package goal

import (
	"context"
	"fmt"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/setting"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/step"
)

// CompareConfiguration asks the account whether it has what is wanted. That is stored
// only when the components and the stack, too, have nothing against it: see SaveConfig.
func (g *Goal) CompareConfiguration(ctx context.Context) (step.Comparison, error) {
	if err := g.CheckRoom(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := g.checkDatabase(ctx); err != nil {
		return step.Comparison{}, err
	}
	if err := g.Generator().CheckWithheld(g.Credentials); err != nil {
		return step.Comparison{}, err
	}
	c, names, err := g.compareSettings()
	if err != nil {
		return step.Comparison{}, err
	}
	all, added, err := g.earlyCredentials(ctx)
	if err != nil {
		return step.Comparison{}, err
	}
	// What is rendered from now on is rendered from them.
	g.Credentials = all
	if len(added) > 0 && g.Stored != nil && !g.Documents.Old() { // which is moved with them
		c = step.Differs("would change", append(c.Lines, step.Marked("+ ", added)...)...)
		names = append(names, added...)
	}
	c.Act = func(ctx context.Context) (step.Outcome, error) {
		if len(added) > 0 {
			if err := g.keepGenerated(ctx, all, added); err != nil {
				return step.Outcome{}, err
			}
		}
		if c.Changes {
			return step.Changed.Report("%s", strings.Join(names, ", "))
		}
		return step.UpToDate.Report("%s", c.Summary)
	}
	return c, nil
}

// compareSettings compares the configuration, and the user's files, with what is stored,
// and names what differs.
func (g *Goal) compareSettings() (c step.Comparison, names []string, err error) {
	if g.Stored == nil {
		return step.Differs("new"), []string{"new"}, nil
	}
	names, lines, err := g.Settings().Changes()
	if err != nil {
		return step.Comparison{}, nil, err
	}
	if g.Raise.Major() {
		lines = append(lines, "! "+g.Raise.String())
	}
	same, err := setting.Same(g.keptConfig(), g.Said.Config)
	if err != nil {
		return step.Comparison{}, nil, err
	}
	if same && len(lines) == 0 {
		return step.Same("as before"), nil, nil
	}
	return step.Differs("would change", lines...), names, nil
}

// SaveConfig stores what is wanted, with the user's files: once nothing is left that
// could refuse it without having changed anything, and before anything is made from it.
func (g *Goal) SaveConfig(ctx context.Context) error {
	if g.Options.Self {
		return nil // it is the operator's
	}
	files, err := g.UserFiles().Now()
	if err != nil {
		return err
	}
	return g.SaveStatement(ctx, g.keptConfig(), files)
}

// TakeBackUndone stores again what was wanted before, when the cloud has undone the change
// that was to make the new settings true.
func (g *Goal) TakeBackUndone(ctx context.Context) {
	if !g.mayTakeBack(ctx) {
		return
	}
	stack, err := g.Site().Look(ctx)
	if err != nil || !stack.RolledBack() {
		return // what is half made is wanted: the next run finishes it
	}
	g.takeBack(ctx)
}

// TakeBackRefused does so for a deploy that the director has refused before it touched a
// VM, which the caller knows. A deploy that fails later has made some of the settings true, and of those that
// grow a disk there is no way back: they stay.
func (g *Goal) TakeBackRefused(ctx context.Context) {
	if !g.mayTakeBack(ctx) {
		return
	}
	changed := g.Settings().Keys()
	if g.takeBack(ctx); len(changed) > 0 {
		g.Progress.Warn(fmt.Sprintf("the director has refused the deploy before it changed a VM; these settings are not stored: %s", strings.Join(changed, ", ")))
	}
}

// mayTakeBack says whether nothing of what is wanted now was made by this run.
func (g *Goal) mayTakeBack(ctx context.Context) bool {
	return g.Stored != nil && !g.Made && !g.Options.Self && ctx.Err() == nil
}

// takeBack stores the settings, the files and what was chosen for them as they were.
func (g *Goal) takeBack(ctx context.Context) {
	g.Record.InstanceTypes, g.Record.Spread, g.Record.Cloud = g.Before.InstanceTypes, g.Before.Spread, g.Before.Cloud
	err := g.SaveStatement(ctx, g.Stored, g.BeforeFiles)
	if err == nil {
		err = g.Save(ctx)
	}
	if err != nil {
		g.Progress.Warn(fmt.Sprintf("the settings that were refused are still stored: %v", err))
	}
}
