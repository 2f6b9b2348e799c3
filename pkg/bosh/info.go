package bosh

// Info is what a director tells about itself in /info.
type Info struct {
	Name     string   // "bosh-1"
	UUID     string   // "deadbeef-0000-4000-8000-000000000001"
	Version  string   // "283.1.6 (170763c7)"
	User     string   // "admin"; "" when the login is not accepted
	CPI      string   // "aws_cpi"
	AuthType string   // "basic" or "uaa"
	UAAURL   string   // "https://10.0.0.6:8443"; "" without a UAA
	Features []string // those that are on: "config_server", "local_dns", sorted
}
