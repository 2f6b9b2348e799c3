package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

// Setting is a key that the environment, and mostly a flag too, may set.
type Setting struct {
	Key    string // "workers.instance_types"
	Flag   string // "workers-instance-types", without the dashes before it; "" for secrets, which a list of processes would show
	Env    string // "PERPETUAL_WORKERS_INSTANCE_TYPES"
	Help   string // one sentence without a full stop
	Secret bool
	List   bool // several values with commas between them
}

// Settings lists what flags and the environment may set, in the order of the file:
// every single value, and every list of such. Maps are set in the file only.
func Settings() []Setting {
	var all []Setting
	for _, f := range fields() {
		if f.key == "schema" || f.rule.Type == "object" {
			continue
		}
		s := Setting{
			Key:    f.key,
			Flag:   strings.NewReplacer(".", "-", "_", "-").Replace(f.key),
			Env:    "PERPETUAL_" + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_")),
			Help:   f.rule.sentence(),
			Secret: f.rule.Secret,
			List:   f.rule.Type == "array",
		}
		if s.Secret {
			s.Flag = ""
		}
		all = append(all, s)
	}
	return all
}

// Apply sets key in c to what text says: a number, true or false, a list with commas,
// or null for the default. Source is where the text comes from, such as
// "--workers-count" or "PERPETUAL_WORKERS_COUNT"; errors begin with it, and never show
// a secret. What begins with a dash is a flag, which sets no secret.
func Apply(c *Config, source, key, text string) error {
	settings := Settings()
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Key == key })
	j := slices.IndexFunc(fields(), func(f field) bool { return f.key == key })
	switch {
	case j < 0:
		return fmt.Errorf("%s: %s is not a key of perpetual.yml%s", source, key, meant(key, settings))
	case i < 0:
		return fmt.Errorf("%s: %s is set in perpetual.yml only", source, key)
	case settings[i].Secret && strings.HasPrefix(source, "-"):
		return fmt.Errorf("%s: %s is a secret, and flags are visible to others; set it in perpetual.yml or as %s", source, key, settings[i].Env)
	}
	f := fields()[j]
	if text == "null" {
		f.clear(c)
		c.Reset = append(c.Reset, key)
		return nil
	}
	value, err := f.rule.read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	content := map[string]any{}
	parent, name := split(key)
	branch(content, parent)[name] = value
	problems, err := check(content)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%s: %s", source, problems[0].Text)
	}
	return f.assign(c, value)
}

// meant is a hint to the key that was likely meant.
func meant(key string, settings []Setting) string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.Key)
	}
	if question := nearest.Question(key, keys); question != "" {
		return "; " + question
	}
	return ""
}

// read turns text into a value of the rule's type.
func (r *rule) read(text string) (any, error) {
	trimmed := strings.TrimSpace(text)
	switch r.Type {
	case "integer":
		n, err := strconv.Atoi(trimmed)
		if err != nil {
			return nil, fmt.Errorf("want a whole number, got %q", shortened(text))
		}
		return n, nil
	case "boolean":
		if trimmed != "true" && trimmed != "false" {
			return nil, fmt.Errorf("want true or false, got %q", shortened(text))
		}
		return trimmed == "true", nil
	case "array":
		items := []any{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		if len(items) == 0 {
			return nil, fmt.Errorf("is empty; leave it out to keep the value that was set, or say null for the default")
		}
		return items, nil
	}
	return text, nil
}
