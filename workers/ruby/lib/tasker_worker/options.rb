# frozen_string_literal: true

require "securerandom"
require "socket"
require_relative "log"

module TaskerWorker
  # Where one orchestrator publishes steps and takes results.
  Endpoints = Struct.new(:steps, :results)

  # A worker's settings: what the program says, else the environment, else the defaults. The only reader of the environment.
  class Options
    # So that leases that run and results that wait fit into one heartbeat.
    MOST_CONCURRENCY = 5_000
    MOST_MS = (2**31) - 1
    MAX_VERSION_CHARS = 128
    LEGAL_NAME = /\A[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\z/
    KNOWN = %i[steps_endpoint results_endpoint worker_id pool concurrency version drain_ms flush_ms logger log_level codec].freeze

    attr_reader :orchestrators, :worker_id, :pool, :concurrency, :version, :drain_ms, :flush_ms, :log, :codecs

    # @raise [ArgumentError] names the setting, what was expected, and what was there
    def initialize(options, env: ENV, default_logger: nil)
      unknown = options.keys - KNOWN
      raise ArgumentError, "unknown options #{unknown.join(", ")}; known are #{KNOWN.join(", ")}" unless unknown.empty?

      @orchestrators = read_orchestrators(options, env)
      @worker_id = read_name(options[:worker_id] || set(env, "TASKER_WORKER_ID") || invent_worker_id, "TASKER_WORKER_ID")
      @pool = read_name(options[:pool] || set(env, "TASKER_POOL") || "default", "TASKER_POOL")
      @concurrency = read_concurrency(options[:concurrency] || set(env, "TASKER_CONCURRENCY") || 100)
      @version = options.fetch(:version, "").to_s[0, MAX_VERSION_CHARS]
      @drain_ms = read_duration(options.fetch(:drain_ms, 30_000), "drain_ms")
      @flush_ms = read_duration(options.fetch(:flush_ms, 5_000), "flush_ms")
      @codecs = read_codecs(options[:codec] || set(env, "TASKER_CODEC") || "json")
      level = read_log_level(options[:log_level] || set(env, "TASKER_LOG_LEVEL") || "info")
      @log = Log.to(options[:logger] || default_logger, level: level)
    end

    private

    def set(env, name)
      value = env[name]
      value unless value.nil? || value.empty?
    end

    def read_orchestrators(options, env)
      steps = read_endpoints(options[:steps_endpoint] || env["TASKER_STEPS_ENDPOINT"], "TASKER_STEPS_ENDPOINT")
      results = read_endpoints(options[:results_endpoint] || env["TASKER_RESULTS_ENDPOINT"], "TASKER_RESULTS_ENDPOINT")
      return steps.zip(results).map { |pair| Endpoints.new(*pair) } if steps.size == results.size

      raise ArgumentError, "TASKER_STEPS_ENDPOINT names #{steps.size} orchestrators and TASKER_RESULTS_ENDPOINT " \
                           "#{results.size}; give one of each for every orchestrator, in the same order"
    end

    def read_endpoints(value, name)
      endpoints = (value.is_a?(Array) ? value : value.to_s.split(",")).map(&:strip).reject(&:empty?)
      raise ArgumentError, "#{name} is not set: give the orchestrator's endpoint, as its ready line prints it" if endpoints.empty?

      wrong = endpoints.find { |endpoint| !endpoint.match?(%r{\A(ipc|tcp)://\S+\z}) }
      raise ArgumentError, "#{name}: expected ipc://PATH or tcp://HOST:PORT, got #{wrong.inspect}" if wrong

      endpoints
    end

    def read_name(value, name)
      return value if value.is_a?(String) && value.match?(LEGAL_NAME)

      raise ArgumentError, "#{name}: expected 1 to 128 letters, digits and ._:- that begin with a letter or digit, got #{value.inspect}"
    end

    def read_concurrency(value)
      number = Integer(value, exception: false)
      return number if number&.between?(1, MOST_CONCURRENCY)

      raise ArgumentError, "TASKER_CONCURRENCY: expected an integer from 1 to #{MOST_CONCURRENCY}, got #{value.inspect}"
    end

    def read_duration(value, name)
      return value if value.is_a?(Numeric) && value.between?(0, MOST_MS)

      raise ArgumentError, "#{name}: expected milliseconds from 0 to #{MOST_MS}, got #{value.inspect}"
    end

    def read_log_level(value)
      level = value.to_s.to_sym
      return level if Log::LEVELS.include?(level)

      raise ArgumentError, "TASKER_LOG_LEVEL: expected one of #{Log::LEVELS.join(", ")}, got #{value.inspect}"
    end

    # In order of preference; JSON is always spoken too.
    def read_codecs(codec)
      return [codec, "json"].uniq if %w[json msgpack].include?(codec)

      raise ArgumentError, "TASKER_CODEC: expected json or msgpack, got #{codec.inspect}"
    end

    # A restart is another worker; the leases of the one before are revoked within seconds.
    def invent_worker_id
      host = Socket.gethostname.gsub(/[^A-Za-z0-9._:-]/, "-").sub(/\A[^A-Za-z0-9]+/, "")
      host = "worker" if host.empty?
      "#{host[0, 80]}-#{Process.pid}-#{SecureRandom.hex(2)}"
    end
  end
end
