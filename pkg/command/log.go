package command

import (
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// levelFlag and levelVariable set how much stderr tells; the flag wins over the
// variable, and the variable over source.log_level.
const (
	levelFlag     = "--log-level"
	levelVariable = "PERPETUAL_LOG_LEVEL"
)

// levels are their values. At info stderr tells what a run does and waits for; at
// debug also every exchange, what the lease and the journal go through, and why
// the director's tasks were judged as they were.
var levels = map[string]slog.Level{"info": slog.LevelInfo, "debug": slog.LevelDebug}

// newLogger makes the logger for what only debug shows: one line each, with the
// time of day and without the level, which is always the same.
func newLogger(to io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.String(slog.TimeKey, a.Value.Time().UTC().Format("15:04:05.000"))
		case len(groups) == 0 && a.Key == slog.LevelKey:
			return slog.String(slog.LevelKey, strings.ToLower(a.Value.String()))
		}
		return a
	}}))
}

// takeLevel takes the flag out of the arguments, wherever it stands.
func takeLevel(args []string) (rest []string, level string, err error) {
	for i := 0; i < len(args); i++ {
		value, joined := strings.CutPrefix(args[i], levelFlag+"=")
		switch {
		case joined:
		case args[i] != levelFlag:
			rest = append(rest, args[i])
			continue
		case i+1 == len(args):
			return nil, "", fmt.Errorf("%s: want debug or info after it", levelFlag)
		default:
			i++
			value = args[i]
		}
		if err := checkLevel(levelFlag, value); err != nil {
			return nil, "", err
		}
		level = value
	}
	return rest, level, nil
}

func checkLevel(where, level string) error {
	if _, ok := levels[level]; !ok {
		return fmt.Errorf("%s: want debug or info, got %q", where, level)
	}
	return nil
}

// chooseLevel takes the level from the flag, or else from the environment.
func (c *Call) chooseLevel(flag string) error {
	c.chosen = flag
	if text := c.Env(levelVariable); text != "" && flag == "" {
		if err := checkLevel(levelVariable, text); err != nil {
			return err
		}
		c.chosen = text
	}
	if c.chosen != "" {
		c.level.Set(levels[c.chosen])
	}
	return nil
}

// SetLevel takes the level from a source, where that says one and nothing else has set it.
func (c *Call) SetLevel(level string) {
	if c.chosen == "" && level != "" {
		c.level.Set(levels[level])
	}
}

// maskEnvironment masks the credentials that a process may be given by its
// environment: for a proxy, and for the state bucket.
func (c *Call) maskEnvironment() {
	for _, name := range []string{
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
	} {
		if value := c.Env(name); value != "" {
			c.Mask(resource.SecretVars(map[string]any{name: value})...)
		}
	}
}
