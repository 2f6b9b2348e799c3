package check_test

import "testing"

// Of each limit the last duration on either side.
func TestConfig_looksAtDurations(t *testing.T) {
	const short, cuts, waits = " is under a minute, in which hardly any build ends; want one such as 1h", " cuts longer builds off at each upgrade", " makes an upgrade wait that long for one build"
	for text, want := range map[string]string{
		"59s": short, "59.9s": short, "0h": short, "1m": cuts, "60s": cuts, "9m59s": cuts, "10m": "", "0.5h": "", "1h30m": "", "24h": "", "1440m": "",
		"24h1s": waits, "2562047h": waits,
	} {
		var lines []string
		switch want {
		case short:
			lines = []string{"workers.drain_timeout: " + text + short}
		case cuts, waits:
			lines = []string{"warning: workers.drain_timeout: " + text + want}
		}
		says(t, text, onAWS+"workers: {drain_timeout: "+text+"}", lines...)
	}
	says(t, "beyond time", onAWS+"workers: {drain_timeout: 2562048h}", `workers.drain_timeout: "2562048h" is not a duration; want one such as 1h or 90m`)
	for text, want := range map[string]string{
		"59s":      "upgrade.quiet_timeout: 59s is under a minute, in which hardly any build ends; want one such as 30m",
		"1m":       "",
		"90m":      "",
		"1h30m":    "",
		"90m1s":    "warning: upgrade.quiet_timeout: 90m1s leaves the deploy little of the two hours that a run has",
		"2562048h": `upgrade.quiet_timeout: "2562048h" is not a duration; want one such as 30m or 1h`,
	} {
		var lines []string
		if want != "" {
			lines = []string{want}
		}
		says(t, text, onAWS+"upgrade: {quiet_timeout: "+text+"}", lines...)
		says(t, text+", on an own director", byo+"upgrade: {quiet_timeout: "+text+"}", lines...)
	}
}

func TestConfig_looksAtTheConstraintOfEachComponent(t *testing.T) {
	for _, component := range []string{"concourse", "stemcell", "bpm", "postgres", "perpetual"} {
		for text, want := range map[string]string{
			"8.x": "", "": "", "newest": `versions.` + component + `: "newest" is not a constraint; want one such as 8.x, >=8.1 or 8.2.4`,
			">2 <1": `versions.` + component + `: no version satisfies ">2 <1"; its parts exclude each other`,
		} {
			section := ""
			if text != "" {
				section = "versions: {" + component + ": '" + text + "'}"
			}
			var lines []string
			if want != "" {
				lines = []string{want}
			}
			says(t, component+" "+text, onAWS+section, lines...)
		}
	}
}

func TestConfig_keepsTheWorkerForUpgradesApart(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"a tag of its own":    {"workers: {tags: [ups, u]}\nupgrade: {worker_tag: up}", nil},
		"the last of tags":    {"workers: {tags: [a, b, up]}\nupgrade: {worker_tag: up}", []string{"upgrade.worker_tag: up is one of workers.tags"}},
		"a state in a bucket": {"state: {bucket: acme-state}\nupgrade: {worker_tag: up}", nil},
		"a state on disk":     {"state: {dir: s}\nupgrade: {worker_tag: up}", []string{"warning: upgrade.worker_tag: costs a worker that does nothing"}},
		"both":                {"state: {dir: s}\nworkers: {tags: [up]}\nupgrade: {worker_tag: up}", []string{"upgrade.worker_tag: up is one of workers.tags"}},
	} {
		says(t, name, onAWS+of.text, of.want...)
	}
}
