package deployment

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// update is how BOSH updates a group, or all groups that say nothing else.
type update struct {
	Serial          *bool
	Canaries        string // "1" or "50%"
	MaxInFlight     string `yaml:"max_in_flight"`     // "1" or "50%"
	CanaryWatchTime string `yaml:"canary_watch_time"` // "30000-600000" or "30000"
	UpdateWatchTime string `yaml:"update_watch_time"`
}

// atOnce is the update of workers that are replaced all at once.
var atOnce = []struct {
	key   string
	value any
	own   func(*update) string
}{
	{"serial", true, func(u *update) string {
		if u.Serial == nil {
			return ""
		}
		return strconv.FormatBool(*u.Serial)
	}},
	{"canaries", 0, func(u *update) string { return u.Canaries }},
	{"max_in_flight", "100%", func(u *update) string { return u.MaxInFlight }},
}

// replaceAtOnce has all workers of a group replaced at once. A group that has a
// web too keeps its pace, so that a web that fails stops the update.
func (d *document) replaceAtOnce(a Arrangement) error {
	if !a.WorkersAtOnce {
		return nil
	}
	for _, i := range d.indexes((*group).workerOnly) {
		g := d.groups[i]
		for _, setting := range atOnce {
			value, own := fmt.Sprint(setting.value), setting.own(&g.Update)
			if own == value {
				continue
			}
			if own != "" {
				d.note("instance group %s: update.%s is %s in this upgrade, not %s: all workers are replaced at once while nothing runs", g.Name, setting.key, value, own)
			}
			g.setUpdate(setting.key, setting.value)
			d.changed = true
		}
		yes := true
		g.Update.Serial, g.Update.Canaries, g.Update.MaxInFlight = &yes, "0", "100%"
	}
	return nil
}

// replacesAtOnce says whether a manifest is one that replaceAtOnce has made. One
// whose workers share a group with web can be nothing else.
func (d *document) replacesAtOnce() bool {
	for _, i := range d.indexes((*group).workerOnly) {
		for _, setting := range atOnce {
			if setting.own(&d.groups[i].Update) != fmt.Sprint(setting.value) {
				return false
			}
		}
	}
	return len(d.indexes((*group).isWorker)) > 0
}

// serialize has web and workers updated one after the other.
func (d *document) serialize(Arrangement) error {
	web, worker := d.indexes((*group).isWeb), d.indexes((*group).isWorker)
	if len(web) == 0 || len(worker) == 0 {
		return nil
	}
	if d.update.Serial != nil && !*d.update.Serial {
		for _, i := range slices.Sorted(slices.Values(slices.Concat(web, worker))) {
			if g := d.groups[i]; g.Update.Serial == nil {
				yes := true
				g.Update.Serial = &yes
				g.setUpdate("serial", true)
				d.changed = true
				d.note("instance group %s: update.serial is true, not false as the manifest has it for all groups: web and workers are updated one after the other", g.Name)
			}
		}
	}
	for _, together := range d.batches() {
		var list []string
		var webs, workers bool
		for _, g := range together {
			if g.isWeb() || g.isWorker() {
				list = append(list, g.Name)
				webs, workers = webs || g.isWeb(), workers || g.isWorker()
			}
		}
		if len(together) > 1 && webs && workers {
			return fmt.Errorf("instance groups %s have update.serial: false: BOSH would update web and workers at the same time, and builds would error; remove it, or upgrade with upgrade.way: quiet", strings.Join(list, " and "))
		}
	}
	return nil
}

// batches are the groups that are updated at the same time: those that are not
// serial and follow each other. A serial group is a batch of its own.
func (d *document) batches() [][]*group {
	var list [][]*group
	parallel := false // whether the last batch may grow
	for _, g := range d.groups {
		if g.Lifecycle == "errand" {
			continue
		}
		serial := g.Update.Serial
		if serial == nil {
			serial = d.update.Serial
		}
		if own := serial == nil || *serial; own || !parallel {
			list, parallel = append(list, []*group{g}), !own
			continue
		}
		list[len(list)-1] = append(list[len(list)-1], g)
	}
	return list
}

// keepWorkers refuses what takes all workers of a kind away at once. Where there
// is only one, that cannot be helped.
func (d *document) keepWorkers(a Arrangement) error {
	if a.WorkersAtOnce {
		return nil
	}
	total, where := map[string]int{}, map[string]int{}
	for _, i := range d.indexes((*group).isWorker) {
		if g := d.groups[i]; g.Instances > 0 {
			total[g.kind()] += g.Instances
			where[g.kind()]++
		}
	}
	for _, batch := range d.batches() {
		away := map[string][]*group{}
		for _, g := range batch {
			if g.isWorker() && g.Instances > 0 && d.goesAway(g) {
				away[g.kind()] = append(away[g.kind()], g)
			}
		}
		for _, g := range batch {
			of := away[g.kind()]
			if len(of) == 0 || of[0] != g || len(of) < where[g.kind()] {
				continue
			}
			if total[g.kind()] > 1 {
				return d.atOnceError(of, total[g.kind()])
			}
			d.note("there is one worker%s: builds that begin while it is replaced error; upgrade.way: quiet avoids that", g.kind())
		}
	}
	return nil
}

// atOnceError says that all workers of some groups would be away at once, and by
// which key.
func (d *document) atOnceError(groups []*group, n int) error {
	if len(groups) > 1 {
		return fmt.Errorf("instance groups %s have update.serial: false: all %d workers%s would be replaced at once, and builds would error; remove it from one of them, or upgrade with upgrade.way: quiet",
			strings.Join(names(groups), " and "), n, groups[0].kind())
	}
	g := groups[0]
	where := "the manifest's update.max_in_flight"
	if g.Update.MaxInFlight != "" {
		where = "update.max_in_flight"
	}
	canaries, inFlight := d.pace(g)
	return fmt.Errorf("instance group %s: with %s: %s and canaries: %s all %d workers%s would be replaced at once, and builds would error; lower it, or upgrade with upgrade.way: quiet",
		g.Name, where, inFlight, canaries, n, g.kind())
}

// kind says which builds the workers of a group take: "" any, else those of a
// team or with tags.
func (g *group) kind() string {
	text := ""
	for _, j := range g.Jobs {
		properties, _ := j.Properties.(map[any]any)
		if j.Release != "concourse" || j.Name != "worker" {
			continue
		}
		if team, ok := properties["team"].(string); ok && team != "" {
			text += " of team " + team
		}
		if tags, ok := properties["tags"].([]any); ok && len(tags) > 0 {
			list := make([]string, len(tags))
			for i, tag := range tags {
				list[i] = fmt.Sprint(tag)
			}
			slices.Sort(list)
			text += " with the tags " + strings.Join(list, ", ")
		}
	}
	return text
}

// pace is how many canaries a group has, and how many instances at once.
func (d *document) pace(g *group) (canaries, inFlight string) {
	canaries, inFlight = g.Update.Canaries, g.Update.MaxInFlight
	if canaries == "" {
		canaries = d.update.Canaries
	}
	if inFlight == "" {
		inFlight = d.update.MaxInFlight
	}
	return canaries, inFlight
}

// goesAway says whether BOSH replaces all instances of a group at once. It
// updates the zones one after the other, in each the canaries first.
func (d *document) goesAway(g *group) bool {
	n := g.Instances
	zones := slices.Compact(slices.Sorted(slices.Values(g.AZs)))
	if n > 1 && len(zones) > 1 {
		return false
	}
	canaries, inFlight := d.pace(g)
	first := count(canaries, n)
	return max(1, count(inFlight, n)) >= n && (first <= 0 || first >= n)
}

// count reads a number of instances, or a percentage of n, as BOSH's
// NumericalValueCalculator does: a part of an instance does not count. What is
// neither is 0; the director refuses it.
func count(text string, n int) int {
	part, isPart := strings.CutSuffix(text, "%")
	value, err := strconv.Atoi(part)
	if err != nil || isPart && value < 0 {
		return 0
	}
	if isPart {
		return min(value, 100) * n / 100
	}
	return value
}
