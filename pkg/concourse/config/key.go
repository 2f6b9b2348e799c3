package config

import (
	"strings"

	"github.com/Masterminds/semver/v3"
)

// since are the releases that brought keys which earlier ones drop without a word.
var since = map[string]string{
	"Config.user_data":    "8.2.0",
	"TaskCacheConfig.ttl": "8.2.0",
}

// newestKnown is the newest minor line whose keys are all in since, or known to
// the library.
const newestKnown = "8.3"

// Dropped are the keys of c that a release of Concourse drops, going by what it
// has given back in have. guessed are those of the others of which nobody knows:
// the release is newer than this program.
func (c Config) Dropped(have Config, release string) (dropped, guessed []string) {
	for _, key := range c.Keys() {
		switch known, sure := knows(release, key); {
		case have.keys[key]:
		case !known:
			dropped = append(dropped, key)
		case !sure:
			guessed = append(guessed, key)
		}
	}
	return dropped, guessed
}

// Doubtful says whether c has keys of which have does not show that Concourse
// keeps them.
func (c Config) Doubtful(have Config) bool {
	for key := range c.keys {
		if !have.keys[key] {
			return true
		}
	}
	return false
}

// knows says whether a release knows a key, as far as this program does.
func knows(release, key string) (known, sure bool) {
	have, err := semver.NewVersion(release)
	if err != nil || have.Major() == 0 { // built by somebody from any state of the source
		have = semver.New(^uint64(0), 0, 0, "", "")
	}
	if first, listed := since[key]; listed {
		return !have.LessThan(semver.MustParse(first)), true
	}
	if isAnchor(key) {
		return false, true
	}
	newest := semver.MustParse(newestKnown)
	later := have.Major() > newest.Major() || have.Major() == newest.Major() && have.Minor() > newest.Minor()
	return later, !later
}

// isAnchor says whether a key stands at the top, where people keep YAML anchors
// under names of their own.
func isAnchor(key string) bool {
	_, listed := since[key]
	return strings.HasPrefix(key, "Config.") && !listed
}

// Names are keys of Keys as people write them, without those of anchors: ttl.
func Names(keys []string) string {
	var names []string
	for _, key := range keys {
		if !isAnchor(key) {
			names = append(names, key[strings.IndexByte(key, '.')+1:])
		}
	}
	return strings.Join(names, ", ")
}
