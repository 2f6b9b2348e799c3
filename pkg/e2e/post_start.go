package main

// gateRelease is the name of this project's own BOSH release.
const gateRelease = "perpetual"
