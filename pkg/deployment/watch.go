package deployment

import (
	"fmt"
	"regexp"
	"strconv"
	"sync"
)

// watchTimes are the keys of an update that say how long an instance is watched.
var watchTimes = []struct {
	key string
	of  func(*update) *string
}{
	{"canary_watch_time", func(u *update) *string { return &u.CanaryWatchTime }},
	{"update_watch_time", func(u *update) *string { return &u.UpdateWatchTime }},
}

// watch has BOSH watch each web at least as long as the arrangement asks for,
// before it goes on.
func (d *document) watch(a Arrangement) error {
	if a.WatchTime == "" {
		return nil
	}
	least, err := shortest(a.WatchTime)
	if err != nil {
		return err
	}
	for _, i := range d.indexes((*group).isWeb) {
		g := d.groups[i]
		for _, w := range watchTimes {
			if d.watched(g, w.of) < least {
				*w.of(&g.Update) = a.WatchTime
				g.setUpdate(w.key, a.WatchTime)
				d.changed = true
			}
		}
	}
	return nil
}

// watchTime is what watch was given: the shortest time that the web groups say
// themselves, where nothing shorter applies to any of them.
func (d *document) watchTime() string {
	text, least := "", 0
	web := d.indexes((*group).isWeb)
	for _, i := range web {
		for _, w := range watchTimes {
			own := *w.of(&d.groups[i].Update)
			if t, err := shortest(own); err == nil && (text == "" || t < least) {
				text, least = own, t
			}
		}
	}
	for _, i := range web {
		for _, w := range watchTimes {
			if d.watched(d.groups[i], w.of) < least {
				return ""
			}
		}
	}
	return text
}

// watched is the shortest time for which a group is watched now.
func (d *document) watched(g *group, of func(*update) *string) int {
	text := *of(&g.Update)
	if text == "" {
		text = *of(&d.update)
	}
	t, err := shortest(text)
	if err != nil {
		return 0 // the director refuses it
	}
	return t
}

// watchTime is "30000", or "30000-600000", in milliseconds.
var watchTime = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*(\d+)\s*(?:-\s*\d+\s*)?$`) })

// shortest is the shorter end of a watch time.
func shortest(text string) (int, error) {
	match := watchTime().FindStringSubmatch(text)
	if match == nil {
		return 0, fmt.Errorf("the watch time %q is neither a number of milliseconds nor a range such as 30000-600000", text)
	}
	return strconv.Atoi(match[1])
}
