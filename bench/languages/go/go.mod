module github.com/tasker-systems/tasker/bench/languages/go

go 1.25

require github.com/tasker-systems/tasker/workers/go v0.0.0

require github.com/pebbe/zmq4 v1.4.0 // indirect

replace github.com/tasker-systems/tasker/workers/go => ../../../workers/go
