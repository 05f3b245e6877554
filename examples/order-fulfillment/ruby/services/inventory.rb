# frozen_string_literal: true

require "digest"
require "time"

module OrderFulfillment
  # A warehouse: counts what is there and sets goods aside, all of an order or nothing. Asking twice under one key is asking once.
  class Inventory
    class OutOfStock < StandardError; end
    class UnknownSku < StandardError; end

    Reservation = Struct.new(:id, :expires_at)

    # Keys are forgotten, oldest first, so that a worker may run for ever.
    MOST_REMEMBERED = 10_000

    # @param stock [Hash{String => Integer}] pieces by SKU
    def initialize(stock)
      @stock = stock
      @reservations = {}
      @lock = Mutex.new
    end

    def available(sku) = @stock.fetch(sku, 0)

    # @param items [Array<#sku, #quantity>]
    # @return [Reservation]
    # @raise [OutOfStock, UnknownSku] then nothing was set aside
    def reserve(key, items, hold_minutes)
      @lock.synchronize { @reservations[key] ||= set_aside(key, items, hold_minutes) }
    end

    private

    def set_aside(key, items, hold_minutes)
      wanted = items.group_by(&:sku).transform_values { |lines| lines.sum(&:quantity) }
      wanted.each { |sku, quantity| check(sku, quantity) }
      @stock = @stock.merge(wanted) { |_sku, there, taken| there - taken }
      @reservations.shift if @reservations.size >= MOST_REMEMBERED
      Reservation.new("res_#{Digest::SHA256.hexdigest(key)[0, 12]}", Time.now.utc + (hold_minutes * 60))
    end

    def check(sku, quantity)
      stock = @stock[sku]
      raise UnknownSku, "there is no article #{sku}" if stock.nil?
      raise OutOfStock, "#{quantity} of #{sku} wanted, #{stock} there" if stock < quantity
    end
  end
end
