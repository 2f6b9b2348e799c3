package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// scenario is one thing that is proven.
type scenario struct {
	number int
	title  string
	site   siteOptions // number is given when it is played
	play   func(context.Context, *stage) error
}

// scenarioTime is more than any scenario takes.
const scenarioTime = 15 * time.Minute

// spread makes tasks run on the workers in turn. Since 8.0 that takes a maximum,
// which is never reached here.
var spread = map[string]string{"CONTAINER_PLACEMENT_STRATEGY": "limit-active-tasks", "MAX_ACTIVE_TASKS_PER_WORKER": "20"}

// unhurried is spread with the interval at which a web looks for its builds and its
// workers by default: how long after its start it does so first is the question.
var unhurried = map[string]string{"CONTAINER_PLACEMENT_STRATEGY": "limit-active-tasks", "MAX_ACTIVE_TASKS_PER_WORKER": "20", "COMPONENT_RUNNER_INTERVAL": "10s"}

// unredacted makes Concourse hide nothing: the first setting until 7.14, where it
// hides nothing by default, the second since 8.0, where it hides by default. Each
// passes over the other's.
var unredacted = map[string]string{"ENABLE_REDACT_SECRETS": "false", "DISABLE_REDACT_SECRETS": "true"}

// scenarios in the order in which they are begun: long ones first.
func scenarios() []scenario {
	return []scenario{
		{12, "a migration takes longer than BOSH watches the web", siteOptions{from: "7.13.2", to: "7.14.0", web: unhurried}, playMigration},
		{10, "7.9.1 to 7.14.0: a migration and newer workers, under load", siteOptions{from: "7.9.1", to: "7.14.0", owner: true, web: spread}, playRelease},
		{16, "newer workers serve under the old web: workers first, under load", siteOptions{from: "7.6.0", to: "7.9.1", web: spread}, playWorkersFirst},
		{14, "the put of a quiet upgrade is killed, and run again", siteOptions{from: "8.2.5", to: "8.3.0", owner: true}, playQuietKilled},
		{11, "workers of another major: a quiet upgrade", siteOptions{from: "8.2.5", to: "8.3.0", owner: true}, playQuiet},
		{15, "the same migration without the release's job", siteOptions{from: "7.13.2", to: "7.14.0", web: unhurried}, playUngated},
		{7, "what the design avoids", siteOptions{workers: 1, drainTimeout: time.Minute}, playControls},
		{2, "other teams' builds go on while VMs are replaced", siteOptions{web: spread}, playBeside},
		{1, "the bundled pipeline upgrades its Concourse", siteOptions{}, playUpgrade},
		{4, "there is one worker, and it runs the build", siteOptions{workers: 1}, playUpgrade},
		{6, "a deploy fails at the first new worker", siteOptions{}, playCanary},
		{17, "self-upgrade from a team of its own, whose credentials main does not find", siteOptions{workers: 1, ownTeam: true, web: unredacted}, playOwnTeam},
		{5, "a task with the new version's image sets the new version's pipeline", siteOptions{}, playTask},
		{9, "credentials stay where they belong", siteOptions{basicAuth: true, web: unredacted}, playSecrets},
		{8, "the image runs without Concourse", siteOptions{workers: 1}, playContainer},
		{13, "a downgrade is refused", siteOptions{to: "7.14.0", workers: 1}, playDowngrade},
		{3, "the web restarts under the put", siteOptions{}, playWebRestart},
	}
}

// choose picks scenarios by number: "all", "3", "1,4".
func choose(which string) ([]scenario, error) {
	all := scenarios()
	if which == "all" || which == "" {
		return all, nil
	}
	var list []scenario
	for text := range strings.SplitSeq(which, ",") {
		at := slices.IndexFunc(all, func(s scenario) bool { return strconv.Itoa(s.number) == text })
		if at < 0 {
			return nil, fmt.Errorf("there is no scenario %q", text)
		}
		list = append(list, all[at])
	}
	return list, nil
}

// concourses are the releases of Concourse that scenarios deploy.
func concourses(list []scenario) []string {
	var versions []string
	for _, s := range list {
		versions = append(versions, cmp.Or(s.site.from, oldConcourse), cmp.Or(s.site.to, newConcourse))
	}
	slices.Sort(versions)
	return slices.Compact(versions)
}

// performance is a scenario that was played.
type performance struct {
	scenario
	*stage
	line   *timeline
	events []string // of the director's tasks
	counts counts
	err    error
}

// runner plays scenarios.
type runner struct {
	tools    *tools
	images   *images
	launcher *launcher
	keep     bool // logs, also of what went well
}

// run plays scenarios in lanes beside each other, each on a site of its own.
func (r *runner) run(ctx context.Context, list []scenario, lanes int) []*performance {
	todo := make(chan *performance, len(list))
	all := make([]*performance, len(list))
	for i, s := range list {
		all[i] = &performance{scenario: s, line: newTimeline(os.Stdout, strconv.Itoa(s.number)), err: errors.New("it was not played")}
		todo <- all[i]
	}
	close(todo)
	var running sync.WaitGroup
	for lane := range min(max(1, lanes), len(list)) {
		running.Go(func() {
			for p := range todo {
				if ctx.Err() == nil {
					p.line = newTimeline(os.Stdout, strconv.Itoa(p.number))
					p.err = r.perform(ctx, p, lane+1)
				}
			}
		})
	}
	running.Wait()
	slices.SortFunc(all, func(a, b *performance) int { return a.number - b.number })
	return all
}

// perform plays one scenario on a new site and clears it away.
func (r *runner) perform(ctx context.Context, p *performance, lane int) (err error) {
	options := p.scenario.site
	options.number = lane
	p.line.add("scenario", "%s", p.title)
	site, err := newSite(ctx, r.tools, r.images, r.launcher, p.line, options)
	if err != nil {
		return fmt.Errorf("start the site: %w", err)
	}
	p.stage = &stage{site: site}
	defer func() {
		p.events, p.counts = p.directorEvents(), p.count()
		err = errors.Join(err, site.close(context.WithoutCancel(ctx)))
		if err != nil || p.failed() > 0 || r.keep {
			r.tools.keep(site.dir, p.number)
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, scenarioTime, errors.New("the scenario takes too long"))
	defer cancel()
	if err := p.play(ctx, p.stage); err != nil {
		p.line.add("scenario", "it ends early: %v", err)
		return err
	}
	return nil
}

// verdict is an error unless everything was as it must be. It says what was not,
// since of a run elsewhere its last lines may be all that there is.
func verdict(all []*performance, report string) error {
	var bad []string
	for _, p := range all {
		for _, what := range p.wrong() {
			bad = append(bad, fmt.Sprintf("\n  scenario %d: %s", p.number, what))
		}
	}
	if len(bad) > 0 {
		return fmt.Errorf("not as it must be; see %s%s", report, strings.Join(bad, ""))
	}
	return nil
}

// wrong are the expectations that were not met, and what ended the scenario early.
func (p *performance) wrong() []string {
	var list []string
	if p.stage != nil {
		for _, e := range p.expectations {
			if !e.ok {
				list = append(list, fmt.Sprintf("not seen: %s: %s", e.what, e.seen))
			}
		}
	}
	if p.err != nil {
		list = append(list, fmt.Sprintf("it ended early: %v", p.err))
	}
	return list
}
